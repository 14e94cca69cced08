// The domains of a certificate.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true, tlsAuth: [{ domains: ['elsewhere.test'], cert: open(__ENV.CLIENT_CERT), key: open(__ENV.CLIENT_KEY) }] };
export default function () {
  const r = http.get(`${__ENV.MUTUAL_URL}/echo`, { tags: { name: "m" } });
  check(r, { [`${r.status} ${r.error_code}`]: true });
}
