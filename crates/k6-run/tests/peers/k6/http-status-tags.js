// Statuses are in the tags, and errors have numbers.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  for (const s of [200, 204, 301, 404, 500, 503]) {
    const r = http.get(`${B}/status/${s}`, { redirects: 0 });
    check(r, { [`${s} ${r.status} ${r.error_code} ${r.status_text}`]: true });
  }
}
