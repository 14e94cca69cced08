// Addresses that are not called.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true, blacklistIPs: ['127.0.0.0/8'] };
export default function () {
  const r = http.get(`${__ENV.BASE_URL}/echo`, { tags: { name: "u" } });
  check(r, { [`${r.status} ${r.error_code} ${r.error}`]: true });
}
