// The executor per-vu.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { scenarios: { a: { executor: 'per-vu-iterations', vus: 3, iterations: 4 } } };
export default function () {
  http.get(`${B}/echo`, { tags: { it: 'x' } });
  check(1, { ok: true });
}
