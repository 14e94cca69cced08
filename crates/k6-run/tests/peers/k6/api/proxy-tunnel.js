// TLS goes through a tunnel.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true };
export default function () {
  const r = http.get(`https://app.test:${__ENV.SECURE_PORT}/echo`, { tags: { name: "t" } });
  check(r, { [`${r.status} ${r.proto} ${r.json("authority") === `app.test:${__ENV.SECURE_PORT}`}`]: true });
  const n = http.get(`https://app.test:1/echo`, { tags: { name: "n" } });
  check(n, { [`${n.status} ${n.error_code} ${n.error}`]: true });
}
