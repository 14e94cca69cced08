// Requests of a batch share a connection.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true };
export default function () {
  http.get(`${S}/echo`);
  const all = http.batch([1, 2, 3, 4, 5, 6].map((n) => ["POST", `${S}/echo`, `body ${n}`]));
  check(all, { [all.map((r) => `${r.proto} ${r.json("body")}`).join()]: true });
}
