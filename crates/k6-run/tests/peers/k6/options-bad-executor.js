// Options that cannot be meant.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { scenarios: { a: { executor: 'nothing' } } };
export default function () {
  http.get(B);
}
