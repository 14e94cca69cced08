// Values, functions, several at once.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  check(1, { yes: true, no: false, one: (v) => v === 1, zero: 0, text: 'x', empty: '' });
  check({}, { nothing: (v) => v.missing });
}
