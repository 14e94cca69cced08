// A large answer comes over HTTP/2.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true };
export default function () {
  const r = http.get(`${S}/large`);
  check(r, { [`${r.body.length}`]: true });
  const n = http.get(`${S}/large`, { responseType: "none" });
  check(n, { [`${n.status} ${n.body}`]: true });
}
