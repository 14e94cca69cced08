// A body as bytes.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.get(`${B}/text`, { responseType: 'binary' });
  check(r, { buffer: (r) => r.body instanceof ArrayBuffer, length: (r) => r.body.byteLength === 5 });
}
