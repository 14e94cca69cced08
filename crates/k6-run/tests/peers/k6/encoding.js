// Base64.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
import encoding from 'k6/encoding';
export const options = { iterations: 1 };
export default function () {
  for (const kind of ['std', 'rawstd', 'url', 'rawurl']) {
    const text = encoding.b64encode('a?>ü', kind);
    check(null, { [`${kind} ${text} ${encoding.b64decode(text, kind, 's')}`]: true });
  }
}
