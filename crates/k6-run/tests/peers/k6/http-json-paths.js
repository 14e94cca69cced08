// The selectors of json().
import http from 'k6/http';
import { told, throws, said } from './lib/told.js';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const r = http.get(`${B}/people`);
  const paths = ['a', 'list', 'list.0.name', 'list.#', 'list.#.name', 'list.1', 'list.9', 'o.k\\.v', 'o.k.v', 'nope', 'nope.x', 'list.#(name=="two").n', 'list.#(n>1)#.name', 'list.#(n>1).name', 'o.b', 'o.z', 'o.?', 'l*.0.n', 'e', 'e.#', '', 'list.#(name%"t*")#.name', 'list.#(name!%"t*").n', 'list.@reverse', 'list|0', 'list.0|name', '{a,e}', '[a,e]', '{"x":a,n:list.#}', 'list.#.name|0', '@this', 'list.-1', 'a.b', '#', 'list.#(n>=2)#|#', 'list.#(nope).n', 'o.@keys|0', 'o.@values|0', 'list.#.n', 'list.#(n<=2)#.n', 'list.#(n!=2)#.n', 'list.#(n==3.5).name', 'list.#.name.@reverse', 'list.#.name|@reverse'];
  for (const [place, path] of paths.entries()) told(place, () => r.json(path));
  told('all', () => r.json());
  told('undefined', () => r.json(undefined));
  told('number', () => r.json(5));
  told('of bytes', () => http.get(`${B}/people`, { responseType: 'binary' }).json('a'));
  told('of no body', () => http.get(`${B}/people`, { responseType: 'none' }).json('a'));
  throws('of text', () => http.get(`${B}/text`).json());
  told('a path in text', () => http.get(`${B}/text`).json('a'));
}
