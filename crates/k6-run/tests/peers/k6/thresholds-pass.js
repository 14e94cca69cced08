// Thresholds: They hold.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1, thresholds: { checks: ['rate==1'], http_reqs: ['count==1', 'rate>0'], http_req_duration: ['p(95)<5000', 'max<5000', 'avg<5000', 'med<5000', 'min<5000'] } };
export default function () {
  check(http.get(`${B}/echo`), { ok: (r) => r.status === 200 });
}
