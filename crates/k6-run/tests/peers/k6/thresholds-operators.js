// Thresholds: Every operator.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1, thresholds: { http_reqs: ['count<=1', 'count<2', 'count>=1', 'count>0', 'count===1', 'count==1', 'count!=2'] } };
export default function () {
  check(http.get(`${B}/echo`), { ok: (r) => r.status === 200 });
}
