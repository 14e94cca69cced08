// Requests with promises.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default async function () {
  const [a, b] = await Promise.all([http.asyncRequest('GET', `${B}/echo`), http.asyncRequest('POST', `${B}/echo`, 'x')]);
  check(null, { [`${a.status} ${b.json().method}`]: true });
}
