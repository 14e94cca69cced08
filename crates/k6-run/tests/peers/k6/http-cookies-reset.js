// Every iteration begins without cookies.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 3 };
export default function () {
  const r = http.get(`${B}/headers`);
  check(r, { [`cookie ${r.json().headers.cookie}`]: true });
  http.get(`${B}/cookies/set?a=1`);
}
