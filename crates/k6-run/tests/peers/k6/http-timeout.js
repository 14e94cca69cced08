// An answer that comes too late.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.get(`${B}/slow/2000`, { timeout: '200ms' });
  check(r, { [`${r.status} ${r.error_code} ${r.error}`]: true });
}
