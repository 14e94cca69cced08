// An ArrayBuffer is sent as bytes.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.post(`${B}/echo`, new Uint8Array([104, 105]).buffer);
  check(r, { hi: (r) => r.json().body === 'hi' });
}
