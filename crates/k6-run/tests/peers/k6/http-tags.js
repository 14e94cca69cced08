// Tags and a name are given to the samples.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  http.get(`${B}/echo`, { tags: { name: 'echo', kind: 'x' } });
  http.get(http.url`${B}/status/${200}`);
}
