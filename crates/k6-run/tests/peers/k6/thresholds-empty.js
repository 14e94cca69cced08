// Thresholds: Nothing was measured.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1, thresholds: { 'http_req_duration{name:nothing}': ['p(95)<1'], 'http_reqs{name:nothing}': ['count<1'] } };
export default function () {
  check(http.get(`${B}/echo`), { ok: (r) => r.status === 200 });
}
