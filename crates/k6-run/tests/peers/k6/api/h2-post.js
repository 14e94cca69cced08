// A large body goes over HTTP/2.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true };
export default function () {
  const r = http.post(`${S}/echo`, "y".repeat(500000));
  check(r, { [`${r.status} ${r.proto} ${r.json("length")} ${r.json("headers.content-length")}`]: true });
  const e = http.post(`${S}/echo`);
  check(e, { [`${e.status} ${e.json("length")} ${e.json("headers.content-length")}`]: true });
  const g = http.get(`${S}/echo`);
  check(g, { [`${g.json("headers.content-length")} ${g.json("headers.accept-encoding")}`]: true });
}
