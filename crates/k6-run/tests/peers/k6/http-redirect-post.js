// A body is kept by 307 and dropped by 302.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  for (const s of [302, 303, 307, 308]) {
    const r = http.post(`${B}/redirect-to/${s}`, 'kept');
    check(r, { [`${s} ${r.json().method} ${r.json().body}`]: true });
  }
}
