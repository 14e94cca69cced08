// HTTP/2 is spoken where the server offers it, and a connection is used again.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true };
export default function () {
  for (let i = 0; i < 3; i++) {
    const r = http.get(`${S}/echo?x=1`, { headers: { "X-Own": "yes" } });
    check(r, { [`${r.status} ${r.status_text} ${r.proto} ${r.json("version")} ${r.json("method")} ${r.json("headers.x-own")} ${r.json("authority") === S.slice(8)}`]: true });
    check(r, { [`${r.tls_version} reused ${i > 0} ${i === 0 || r.timings.connecting === 0}`]: true });
  }
}
