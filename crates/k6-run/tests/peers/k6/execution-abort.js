// The script ends the run.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
import exec from 'k6/execution';
export const options = { vus: 1, iterations: 5 };
export default function () {
  http.get(`${B}/echo`);
  exec.test.abort('enough');
}
