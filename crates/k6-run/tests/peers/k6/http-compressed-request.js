// A body is compressed.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.post(`${B}/echo`, 'hello hello hello', { compression: 'gzip' });
  check(r, { encoding: (r) => r.json().headers['content-encoding'] === 'gzip' });
}
