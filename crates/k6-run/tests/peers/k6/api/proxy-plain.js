// Plain requests go through the proxy of the environment.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true };
export default function () {
  const r = http.get(`http://app.test/echo?q=1`);
  check(r, { [`${r.status} ${r.json("headers.x-proxied")} ${r.json("headers.host")} ${r.proto}`]: true });
  const d = http.get(`${__ENV.BASE_URL}/echo`);
  check(d, { [`${d.status} ${d.json("headers.x-proxied")}`]: true });
}
