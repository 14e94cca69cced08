// A body that is not kept.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.get(`${B}/text`, { responseType: 'none' });
  check(r, { [`${r.body} ${r.status}`]: true });
}
