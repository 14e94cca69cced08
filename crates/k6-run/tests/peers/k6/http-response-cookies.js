// Cookies of an answer.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.get(`${B}/cookies/set?a=1`);
  check(r, { [`${r.cookies.a[0].name} ${r.cookies.a[0].value} ${r.cookies.a[0].path}`]: true });
}
