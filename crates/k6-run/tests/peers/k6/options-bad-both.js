// Options that cannot be meant.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { duration: '1s', scenarios: { a: { executor: 'constant-vus', duration: '1s' } } };
export default function () {
  http.get(B);
}
