// Redirects and errors of the server over HTTP/2.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true };
export default function () {
  const r = http.get(`${S}/redirect`);
  check(r, { [`${r.status} ${r.url === `${S}/echo`} ${r.proto}`]: true });
  const e = http.get(`${S}/status`, { tags: { name: "s" } });
  check(e, { [`${e.status} ${e.error_code} ${e.body}`]: true });
}
