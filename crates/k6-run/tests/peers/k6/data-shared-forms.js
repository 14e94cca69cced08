// Shared arrays: what makes them, what reads them, what they refuse.
import { SharedArray } from 'k6/data';
import { told, throws, said } from './lib/told.js';
const made = [];
for (const [name, given] of Object.entries({ none: [], 'no function': ['n'], number: ['n', 5], text: ['n', () => 'x'], object: ['n', () => ({})], 'no name': ['', () => []], 'a number for a name': [5, () => []], throws: ['t', () => { throw new Error('boo'); }], async: ['a', async () => [1]] })) {
  made.push(said(name, () => { const it = new SharedArray(...given); return [it.length, Array.isArray(it)]; }));
}
const S = new SharedArray('main', () => [{ a: 1, b: { c: 2 } }, { a: 2 }, 'x', [1, 2], null, 5]);
const again = new SharedArray('main', () => { throw new Error('made twice'); });
export const options = { iterations: 1 };
export default function () {
  for (const [place, text] of made.entries()) told(place, () => text);
  told('read', () => [S.length, S[0], S[1].a, S[9], S.x, S[-1], again.length]);
  told('as an array', () => [Object.keys(S), S.map((it) => typeof it), [...S].length, S.find((it) => it && it.a === 2), S.slice(0, 1), S.includes('x'), S.indexOf('x'), S.at(-1), [].concat(S).length, Object.entries(S).length, JSON.stringify(S).length]);
  told('in', () => [0 in S, 9 in S, Object.isFrozen(S[0])]);
  told('loops', () => { const seen = []; for (const key in S) seen.push(key); for (const it of S) seen.push(typeof it); return seen; });
  throws('set', () => { S[0] = 1; });
  throws('set inside', () => { S[0].a = 5; });
  throws('set deep inside', () => { S[0].b.c = 5; });
  throws('push', () => S.push(1));
  throws('length', () => { S.length = 0; });
  throws('delete', () => { delete S[0]; });
  throws('property', () => { S.other = 1; });
  throws('sort', () => S.sort());
  throws('reverse', () => S.reverse());
  throws('define', () => Object.defineProperty(S, '0', { value: 1 }));
  told('late', () => new SharedArray('late', () => []));
}
