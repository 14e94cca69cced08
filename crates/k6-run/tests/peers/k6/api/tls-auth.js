// A client shows its certificate.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true, tlsAuth: [{ cert: open(__ENV.CLIENT_CERT), key: open(__ENV.CLIENT_KEY) }] };
export default function () {
  const r = http.get(`${__ENV.MUTUAL_URL}/echo`);
  check(r, { [`${r.status} ${r.proto}`]: true });
}
