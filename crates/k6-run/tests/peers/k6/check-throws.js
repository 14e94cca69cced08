// A check that throws.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  check(1, { good: true, bad: () => { throw new Error('no'); }, after: true });
}
