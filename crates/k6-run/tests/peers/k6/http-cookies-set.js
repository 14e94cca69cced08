// Cookies of answers go back.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  http.get(`${B}/cookies/set?a=1`);
  const r = http.get(`${B}/headers`);
  check(r, { [`cookie ${r.json().headers.cookie}`]: true });
}
