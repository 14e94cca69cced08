// Nobody listens.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.get('http://127.0.0.1:1/');
  check(r, { [`${r.status} ${r.error_code} ${r.error} ${r.body}`]: true });
}
