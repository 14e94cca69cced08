// The limit of redirects from the options.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1, maxRedirects: 1 };
export default function () {
  const r = http.get(`${B}/redirect/5`);
  check(r, { [`${r.status}`]: true });
}
