// A file in a form.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.post(`${B}/echo`, { f: http.file('content', 'name.txt', 'text/plain'), k: 'v' });
  check(r, { multipart: (r) => r.json().headers['content-type'].startsWith('multipart/form-data'), file: (r) => r.json().body.includes('filename="name.txt"') && r.json().body.includes('content'), field: (r) => r.json().body.includes('name="k"') });
}
