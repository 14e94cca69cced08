// Tags and metadata of a virtual user: what can be set, what is refused, what samples carry.
import exec from 'k6/execution';
import http from 'k6/http';
import { Counter } from 'k6/metrics';
import { told, throws, said } from './lib/told.js';
const counter = new Counter('marked');
export const options = { iterations: 2, systemTags: ['vu', 'iter', 'ip', 'url', 'status', 'scenario', 'group', 'check', 'method'] };
export default function () {
  const { vu } = exec;
  told('kinds', () => { Object.assign(vu.tags, { number: 1, flag: true, text: 'x' }); return vu.tags; });
  for (const [name, value] of Object.entries({ object: {}, nothing: null, missing: undefined, list: [1] })) {
    told(`tag ${name}`, () => { vu.tags[name] = value; });
    told(`metadata ${name}`, () => { vu.metrics.metadata[name] = value; });
  }
  throws('metrics.tags assigned', () => { vu.metrics.tags = { a: 1 }; });
  throws('metrics.metadata assigned', () => { vu.metrics.metadata = { a: 1 }; });
  throws('scenario assigned', () => { exec.scenario.name = 'x'; });
  told('removed', () => { delete vu.tags.flag; return [Object.keys(vu.tags).sort(), 'flag' in vu.tags, 'text' in vu.tags, vu.tags.flag]; });
  told('metadata', () => { Object.assign(vu.metrics.metadata, { trace: 'abc', number: 3 }); delete vu.metrics.metadata.number; return vu.metrics.metadata; });
  told('the same', () => { vu.metrics.tags.other = 'y'; return [vu.tags.other, vu.metrics.tags.text]; });
  counter.add(1, { own: 'z' });
  http.get(`${__ENV.BASE_URL}/text`, { tags: { text: 'wins' } });
}
