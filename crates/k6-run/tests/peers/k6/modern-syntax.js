// Language features.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const o = { a: { b: null }, ...{ c: 1 } };
  class P { #x = 1; static y = 2; get x() { return this.#x; } }
  check(null, { [`${o.a?.b ?? 'd'} ${new P().x} ${P.y} ${[1, [2, [3]]].flat(9).join()} ${'a-b'.replaceAll('-', '+')} ${Object.entries({ k: 1 }).join()} ${2 ** 10}`]: true });
}
