// Groups in groups.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  group('outer', () => {
    check(1, { a: true });
    group('inner', () => { check(1, { b: true }); http.get(`${B}/echo`); });
  });
  check(1, { c: true });
}
