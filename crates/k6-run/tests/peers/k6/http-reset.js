// A connection that breaks.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.get(`${B}/close`);
  check(r, { [`${r.status}`]: true, coded: (r) => r.error_code >= 1000 });
}
