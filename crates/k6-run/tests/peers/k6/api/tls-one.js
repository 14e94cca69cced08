// A server of HTTP/1.1 through TLS.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true };
export default function () {
  for (let i = 0; i < 2; i++) {
    const r = http.get(`${__ENV.ONE_URL}/echo`);
    check(r, { [`${r.proto} ${r.tls_version} ${r.json("version")} ${i === 0 || r.timings.tls_handshaking === 0}`]: true });
  }
}
