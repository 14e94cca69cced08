// Tags for all samples.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1, tags: { team: 'x' } };
export default function () {
  http.get(`${B}/echo`);
  check(1, { ok: true });
}
