// A request by head.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.head(`${B}/echo`);
  check(r, { 'status 200': (r) => r.status === 200, 'method': (r) => r.request.method === r.headers['X-Method'] });
}
