// A text is sent as it is.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.post(`${B}/echo`, JSON.stringify({ a: 1 }), { headers: { 'Content-Type': 'application/json' } });
  check(r.json(), { [`${'{'}sent${'}'} ${r.json().body}`]: true, 'type': (j) => j.headers['content-type'] === 'application/json' });
}
