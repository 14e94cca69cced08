// Thresholds: That are none.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1, thresholds: { checks: ['fast'] } };
export default function () {
  check(http.get(`${B}/echo`), { ok: (r) => r.status === 200 });
}
