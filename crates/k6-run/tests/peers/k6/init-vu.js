// What is known while a script is loaded, and in each of its functions.
import exec from 'k6/execution';
import { Counter } from 'k6/metrics';
import { check, group, fail } from 'k6';
import http from 'k6/http';
import { told, throws, said } from './lib/told.js';
export const options = { iterations: 2, tags: { run: 'a' } };
const vu = __VU;
const early = [
  said('iter', () => typeof __ITER),
  said('id', () => exec.vu.idInTest), said('instance id', () => exec.vu.idInInstance), said('iteration', () => exec.vu.iterationInInstance),
  said('scenario', () => exec.scenario.name), said('options', () => exec.test.options), said('tags', () => exec.vu.tags), said('metadata', () => exec.vu.metrics.metadata),
  said('fail', () => exec.test.fail('x')), said('check', () => check(1, { a: true })), said('group', () => group('g', () => 1)), said('fail', () => fail('x')),
  said('get', () => http.get(__ENV.BASE_URL)), said('batch', () => http.batch([__ENV.BASE_URL])), said('jar', () => http.cookieJar()), said('sample', () => new Counter('early').add(1)),
];
const now = (name) => {
  told(`${name} numbers`, () => [__VU, typeof __ITER, exec.vu.idInTest, exec.vu.idInInstance, exec.vu.iterationInInstance, exec.vu.iterationInScenario]);
  told(`${name} scenario`, () => [exec.scenario.name, exec.scenario.executor, exec.scenario.iterationInTest, exec.scenario.iterationInInstance]);
  told(`${name} tags`, () => exec.vu.tags);
  told(`${name} metadata`, () => exec.vu.metrics.metadata);
};
export function setup() {
  now('setup');
  return { undefined: undefined, nothing: null, list: [1, null, 'x'], nested: { a: { b: true } } };
}
export default function (data) {
  told('vu', () => vu);
  for (const [place, text] of early.entries()) told(place, () => text);
  now('default');
  told('data', () => data);
}
export function teardown(data) {
  now('teardown');
  told('teardown data', () => data);
}
