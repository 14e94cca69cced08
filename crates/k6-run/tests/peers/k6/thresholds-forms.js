// Thresholds: In their long form.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1, thresholds: { checks: [{ threshold: 'rate>0.5' }, { threshold: 'rate<0.5', abortOnFail: false }] } };
export default function () {
  check(http.get(`${B}/echo`), { ok: (r) => r.status === 200 });
}
