// Redirects are not followed.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.get(`${B}/redirect/1`, { redirects: 0 });
  check(r, { [`${r.status} ${r.headers.Location}`]: true });
}
