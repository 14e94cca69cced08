// An error is thrown where the options ask for it.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1, throw: true };
export default function () {
  let thrown = false;
  try { http.get('http://127.0.0.1:1/'); } catch (e) { thrown = true; }
  check(thrown, { thrown: (t) => t });
}
