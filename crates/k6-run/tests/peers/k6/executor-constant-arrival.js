// Arrivals at a constant rate.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { scenarios: { a: { executor: 'constant-arrival-rate', rate: 20, duration: '2s', preAllocatedVUs: 5 } } };
export default function () {
  http.get(`${B}/echo`);
}
