// Thresholds: On a tag.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1, thresholds: { 'http_req_duration{status:200}': ['max<5000'], 'http_req_duration{status:404}': ['max<1'], 'checks{check:ok}': ['rate>0.9'] } };
export default function () {
  check(http.get(`${B}/echo`), { ok: (r) => r.status === 200 });
}
