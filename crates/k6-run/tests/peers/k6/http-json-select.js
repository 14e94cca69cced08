// A part of a JSON body.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.get(`${B}/json`);
  check(r, { a: (r) => r.json('a') === 1, deep: (r) => r.json('list.1.name') === 'two', length: (r) => r.json('list.#') === 2, names: (r) => r.json('list.#.name').join() === 'one,two', none: (r) => r.json('nothing') === undefined });
}
