// Names of headers, several values and cookies over HTTP/2.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true };
export default function () {
  const r = http.get(`${S}/headers`, { cookies: { mine: "1" }, headers: { Host: "other.test" } });
  check(r, { [`${r.headers["X-Lower-Case"]} ${r.headers["X-Multi"]} ${r.json("headers.cookie")} ${r.json("authority")}`]: true });
  const n = http.get(`${S}/echo`);
  check(n, { [`${n.json("headers.cookie")} ${r.cookies.a[0].value}`]: true });
}
