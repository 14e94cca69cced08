// Bodies are not kept.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1, discardResponseBodies: true };
export default function () {
  const r = http.get(`${B}/text`);
  const t = http.get(`${B}/text`, { responseType: 'text' });
  check(r, { [`${r.body} ${t.body}`]: true });
}
