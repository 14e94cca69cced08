// Names that lead elsewhere, by pattern too.
import http from 'k6/http';
import { check } from 'k6';
const S = __ENV.SECURE_URL;
export const options = { iterations: 1, insecureSkipTLSVerify: true, hosts: { 'one.test': __ENV.BASE_URL.slice(7), '*.two.test': __ENV.BASE_URL.slice(7) } };
export default function () {
  const r = http.batch([`http://one.test/text`, `http://a.two.test/text`]);
  check(r, { [r.map((it) => `${it.status} ${it.url}`).join()]: true });
}
