// A body that is no JSON throws.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  let thrown = false;
  try { http.get(`${B}/text`).json(); } catch (e) { thrown = true; }
  check(thrown, { thrown: (t) => t });
}
