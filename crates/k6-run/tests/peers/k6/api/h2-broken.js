// A stream that breaks off has its number.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true };
export default function () {
  const r = http.get(`${S}/broken`, { tags: { name: "b" } });
  check(r, { [`${r.status} ${r.error_code}`]: true });
}
