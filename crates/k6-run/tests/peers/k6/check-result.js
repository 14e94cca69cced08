// What check returns.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  check(null, { [`${check(1, { a: true })} ${check(1, { b: true, c: false })}`]: true });
}
