// fail throws.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 3 };
export default function () {
  if (__ITER === 1) fail('on purpose');
  check(1, { ok: true });
}
