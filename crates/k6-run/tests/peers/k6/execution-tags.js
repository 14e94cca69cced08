// Tags of the virtual user.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
import exec from 'k6/execution';
export const options = { iterations: 1 };
export default function () {
  exec.vu.tags.mine = 'x';
  exec.vu.metrics.tags.number = 5;
  http.get(`${B}/echo`);
  check(1, { ok: true });
  delete exec.vu.tags.mine;
  http.get(`${B}/echo`);
}
