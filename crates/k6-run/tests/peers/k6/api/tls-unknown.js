// An authority that nobody knows.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true, insecureSkipTLSVerify: false };
export default function () {
  const r = http.get(`${S}/echo`, { tags: { name: "u" } });
  check(r, { [`${r.status} ${r.error_code} ${r.tls_version}`]: true });
}
