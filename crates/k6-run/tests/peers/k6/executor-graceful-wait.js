// An iteration that may end.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { scenarios: { a: { executor: 'constant-vus', vus: 2, duration: '1s', gracefulStop: '5s' } } };
export default function () {
  sleep(1.5);
  check(1, { ended: true });
}
