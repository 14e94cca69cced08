// Arrivals at a rising rate.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { scenarios: { a: { executor: 'ramping-arrival-rate', startRate: 0, preAllocatedVUs: 10, stages: [{ duration: '2s', target: 20 }] } } };
export default function () {
  http.get(`${B}/echo`);
}
