// A jar for one request.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const jar = new http.CookieJar();
  jar.set(B, 'own', '1');
  const r = http.get(`${B}/headers`, { jar });
  const s = http.get(`${B}/headers`);
  check(null, { [`${r.json().headers.cookie} ${s.json().headers.cookie}`]: true });
}
