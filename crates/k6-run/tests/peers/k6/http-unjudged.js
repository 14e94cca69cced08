// Without a callback nothing is judged.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  http.setResponseCallback(null);
  http.get(`${B}/status/500`);
  http.get(`${B}/status/200`);
}
