// The name of the program.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1, userAgent: 'mine/1' };
export default function () {
  const r = http.get(`${B}/headers`);
  check(r, { [`${r.json().headers['user-agent']}`]: true });
}
