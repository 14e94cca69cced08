// Bodies are decompressed, whatever they are compressed with.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true };
export default function () {
  for (const kind of ["gzip", "deflate", "br", "zstd", "lzw"]) {
    const r = http.get(`${__ENV.BASE_URL}/compressed/${kind}`, { tags: { name: kind } });
    check(r, { [`${kind} ${r.status} ${r.body} ${r.error_code} ${r.headers["Content-Encoding"]}`]: true });
  }
}
