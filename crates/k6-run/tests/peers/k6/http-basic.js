// Basic authentication, from the address.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.get(`${B.replace('://', '://user:pass@')}/headers`);
  check(r, { [`${r.json().headers.authorization}`]: true });
}
