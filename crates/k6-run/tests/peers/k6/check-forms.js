// Checks and groups: what they take, what they return, what they refuse.
import { check, group, fail, sleep, randomSeed } from 'k6';
import { told, throws, said } from './lib/told.js';
export const options = { iterations: 1 };
export default function () {
  told('values', () => check(1, { a: true, b: false, c: () => 0, d: () => 'x', e: null, f: undefined, g: NaN, h: {}, i: [], j: '' }));
  told('of nothing', () => [check(null, { k: (it) => it === null }), check(undefined, { l: (it) => it === undefined })]);
  told('empty', () => check(1, {}));
  told('an empty name', () => check(1, { '': true }));
  told('arguments', () => check(7, { m: (...all) => all.length === 1 && all[0] === 7 }));
  told('tags', () => check(1, { n: true }, { a: 1, b: true }));
  for (const [name, tags] of Object.entries({ object: { a: {} }, nothing: { a: null }, none: null })) told(`tags ${name}`, () => check(1, { o: true }, tags));
  told('none', () => check());
  told('one', () => check(1));
  told('a wrong name', () => check(1, { ['a' + '::' + 'b']: true }));
  told('throws', () => check(1, { p: true, q: () => { throw new Error('in'); }, r: true }));
  told('async', () => { try { check(1, { s: async () => false }); return 'passes'; } catch { return 'throws'; } });
  told('a promise', () => check(1, { t: () => Promise.resolve(false) }));
  told('group', () => [group('g', () => 5), group('', () => 1), group(5, () => 1), group('h', () => undefined)]);
  for (const [name, work] of Object.entries({ none: undefined, number: 5, text: 'x' })) told(`group of ${name}`, () => group('g', work));
  told('a wrong group', () => group('a' + '::' + 'b', () => 1));
  told('an async group', () => { try { group('g', async () => 1); return 'passes'; } catch { return 'throws'; } });
  told('a group that throws', () => group('i', () => { throw new Error('out'); }));
  for (const [place, given] of [[], ['words'], [5], [{}], [null]].entries()) told(`fail ${place}`, () => fail(...given));
  for (const value of [0, -1, 0.001, '0.001', null, undefined, NaN, 'x']) told(`sleep ${String(value)}`, () => sleep(value));
  told('seed', () => { const two = () => { randomSeed(5); return [Math.random(), Math.random()]; }; const [a, b] = [two(), two()]; return [a[0] === b[0], a[1] === b[1], a[0] !== a[1]]; });
}
