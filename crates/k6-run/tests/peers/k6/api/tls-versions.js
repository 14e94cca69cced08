// A range of versions of TLS.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true, tlsVersion: { min: 'tls1.2', max: 'tls1.3' } };
export default function () {
  const r = http.get(`${S}/echo`);
  check(r, { [`${r.status} ${r.tls_version}`]: true });
}
