// Options that cannot be meant.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { vus: 5, iterations: 2 };
export default function () {
  http.get(B);
}
