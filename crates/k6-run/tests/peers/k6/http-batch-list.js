// Requests at once.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const rs = http.batch([`${B}/echo`, ['POST', `${B}/echo`, 'x'], { method: 'PUT', url: `${B}/echo`, body: 'y' }]);
  check(rs, { [rs.map((r) => r.request.method).join()]: true });
}
