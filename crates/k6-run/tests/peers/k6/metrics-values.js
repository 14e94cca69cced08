// Values and tags of every kind in metrics, and names that can be had.
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';
import { told, throws, said } from './lib/told.js';
const all = { counter: new Counter('v_counter'), gauge: new Gauge('v_gauge'), rate: new Rate('v_rate'), trend: new Trend('v_trend') };
const names = [];
for (const name of ['ab', '_a', 'A9', 'x'.repeat(129), 'http_reqs']) names.push(said(name.length, () => new Counter(name).name === name));
for (const [place, name] of ['a', '', 'a b', 'a-b', '1a', 'a.b', 'é2', 'x'.repeat(130), 5, null, undefined].entries()) names.push(said(place, () => { try { return new Counter(name).name; } catch { return 'throws'; } }));
names.push(said('twice', () => new Counter('v_counter').name), said('another kind', () => new Gauge('v_counter')), said('other values', () => new Trend('v_trend', true)), said('checks', () => new Counter('checks')));
export const options = { iterations: 1 };
export default function () {
  for (const [place, text] of names.entries()) told(place, () => text);
  const values = { one: 1, text: '2', yes: true, no: false, nothing: null, missing: undefined, nan: NaN, less: -1, word: 'x', object: {}, 'list of one': [3], empty: '', spaces: ' 7 ', date: new Date(5) };
  for (const [kind, metric] of Object.entries(all)) {
    for (const [name, value] of Object.entries(values)) told(`${kind} ${name}`, () => metric.add(value));
    told(`${kind} none`, () => metric.add());
    throws(`${kind} big`, () => metric.add(1n));
  }
  for (const [name, tags] of Object.entries({ right: { a: 1, b: true, c: 'x' }, object: { a: {} }, nothing: { a: null }, missing: { a: undefined }, none: null, list: [] })) told(`tags ${name}`, () => all.counter.add(1, tags));
  told('late', () => new Counter('late'));
  throws('name', () => { all.counter.name = 'q'; });
}
