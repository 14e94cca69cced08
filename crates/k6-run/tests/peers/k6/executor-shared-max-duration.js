// The executor shared-max-duration.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { scenarios: { a: { executor: 'shared-iterations', vus: 1, iterations: 1000, maxDuration: '1s', gracefulStop: '0s' } } };
export default function () {
  http.get(`${B}/echo`, { tags: { it: 'x' } });
  check(1, { ok: true });
  sleep(0.3);
}
