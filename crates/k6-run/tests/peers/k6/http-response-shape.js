// What an answer has.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.get(`${B}/text`);
  check(r, { [Object.keys(JSON.parse(JSON.stringify(r))).sort().join()]: true, [`${r.proto} ${r.remote_ip}`]: true });
}
