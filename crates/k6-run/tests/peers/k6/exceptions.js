// Iterations that throw count as whole.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 4, vus: 2 };
export default function () {
  throw new Error('on purpose');
}
