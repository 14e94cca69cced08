// No more redirects than allowed.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.get(`${B}/redirect/5`, { redirects: 2 });
  check(r, { [`url ${r.url.replace(B, '')} ${r.status}`]: true });
}
