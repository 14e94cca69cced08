// The jar of the virtual user.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const jar = http.cookieJar();
  jar.set(B, 'mine', 'yes', { path: '/', max_age: 600 });
  const r = http.get(`${B}/headers`);
  check(r, { [`cookie ${r.json().headers.cookie}`]: true });
  check(jar.cookiesForURL(B), { mine: (c) => c.mine[0] === 'yes' });
  jar.clear(B);
  check(jar.cookiesForURL(B), { empty: (c) => c.mine === undefined });
}
