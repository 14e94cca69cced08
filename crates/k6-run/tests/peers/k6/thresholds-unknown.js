// Thresholds: On a metric that does not exist.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1, thresholds: { nothing: ['count>1'] } };
export default function () {
  check(http.get(`${B}/echo`), { ok: (r) => r.status === 200 });
}
