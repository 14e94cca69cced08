// Headers are sent, and those of the answer have their names in one form.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.get(`${B}/headers`, { headers: { 'x-test-one': '1', 'X-TWO': 'two' } });
  check(r, { one: (r) => r.json().headers['x-test-one'] === '1', two: (r) => r.json().headers['x-two'] === 'two', [`multi ${r.headers['X-Multi']}`]: true, canonical: (r) => r.headers['X-Lower-Case'] === 'yes' });
}
