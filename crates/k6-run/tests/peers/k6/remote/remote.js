// Modules of the network, one of which has another beside it. PORT is the test's.
import http from 'k6/http';
import { check } from 'k6';
import name, { triple } from 'https://localhost:PORT/lib/one.js';
export const options = { iterations: 1 };
export default function () {
  const r = http.get(`${__ENV.BASE_URL}/json`);
  check(r, { [`${name} ${triple(3)} ${r.status}`]: true });
}
