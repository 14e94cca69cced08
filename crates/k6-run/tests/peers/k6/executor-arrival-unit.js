// Arrivals a minute.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { scenarios: { a: { executor: 'constant-arrival-rate', rate: 300, timeUnit: '1m', duration: '2s', preAllocatedVUs: 2 } } };
export default function () {
  check(1, { ok: true });
}
