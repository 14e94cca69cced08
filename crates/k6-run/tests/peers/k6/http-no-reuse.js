// A connection for each request.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 2, noConnectionReuse: true };
export default function () {
  http.get(`${B}/echo`);
  http.get(`${B}/echo`);
}
