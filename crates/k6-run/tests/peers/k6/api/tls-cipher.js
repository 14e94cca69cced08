// A cipher suite is asked for.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true, tlsVersion: 'tls1.2', tlsCipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'] };
export default function () {
  const r = http.get(`${S}/echo`);
  check(r, { [`${r.status} ${r.tls_version} ${r.tls_cipher_suite}`]: true });
}
