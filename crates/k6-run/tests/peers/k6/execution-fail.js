// The script marks the run as failed.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
import exec from 'k6/execution';
export const options = { iterations: 1 };
export default function () {
  exec.test.fail('no');
  check(1, { on: true });
}
