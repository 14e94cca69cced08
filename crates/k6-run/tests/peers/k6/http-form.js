// An object is sent as a form.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.post(`${B}/echo`, { a: 'b c', d: 'é', n: 1 });
  check(r, { [`body ${r.json().body}`]: true, [`type ${r.json().headers['content-type']}`]: true });
}
