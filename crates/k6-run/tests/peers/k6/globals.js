// __VU and __ITER.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { scenarios: { a: { executor: 'per-vu-iterations', vus: 2, iterations: 3 } } };
export default function () {
  check(null, { [`vu ${__VU >= 1 && __VU <= 2}`]: true, [`iter ${__ITER}`]: true });
}
