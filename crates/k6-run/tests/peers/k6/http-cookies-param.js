// Cookies of one request.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.get(`${B}/headers`, { cookies: { a: '1', b: { value: '2', replace: true } } });
  check(r, { a: (r) => r.json().headers.cookie.includes('a=1'), b: (r) => r.json().headers.cookie.includes('b=2') });
}
