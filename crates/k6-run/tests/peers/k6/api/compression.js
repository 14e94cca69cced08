// Requests are compressed.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true };
export default function () {
  for (const kind of ["gzip", "deflate", "br", "zstd", "gzip, br"]) {
    const r = http.post(`${__ENV.BASE_URL}/echo`, "hello hello hello", { compression: kind });
    check(r, { [`${r.status} ${r.json("headers.content-encoding")}`]: true });
  }
}
