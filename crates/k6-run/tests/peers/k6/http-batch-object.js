// Requests at once, by name.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const rs = http.batch({ a: `${B}/echo`, b: { method: 'GET', url: `${B}/status/404` } });
  check(rs, { [`${rs.a.status} ${rs.b.status}`]: true });
}
