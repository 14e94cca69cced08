// Expected statuses and files: what they take.
import http from 'k6/http';
import { told, throws, said } from './lib/told.js';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  for (const [place, given] of [[], ['x'], [{ min: 5 }], [{ min: '1', max: 2 }], [200.5], [200, 'x']].entries()) told(`statuses ${place}`, () => http.expectedStatuses(...given));
  told('callback of a number', () => http.setResponseCallback(5));
  for (const [name, given] of Object.entries({ range: http.expectedStatuses({ min: 400, max: 499 }), several: http.expectedStatuses(500, { min: 200, max: 201 }), nothing: null })) {
    http.setResponseCallback(given);
    http.get(`${B}/status/404`, { tags: { name } });
    http.get(`${B}/status/500`, { tags: { name } });
  }
  told('a file', () => http.file('data', 'n.txt', 'text/plain'));
  told('a file of bytes', () => { const f = http.file(new Uint8Array([1]).buffer, 'a'); return [Object.keys(f).sort(), f.filename, f.content_type]; });
  told('a file without a name', () => { const f = http.file('data'); return [f.data, typeof f.filename, f.filename.length > 9, f.content_type]; });
  for (const [name, given] of Object.entries({ none: [], number: [5], nothing: [null] })) told(`a file of ${name}`, () => http.file(...given));
  told('a form', () => {
    const r = http.post(`${B}/echo`, { f: http.file('data', 'n"\\.txt', 'text/plain'), z: 'field', a: [1, 2], n: null, o: { x: 1 } });
    const kind = r.json('headers.content-type');
    const boundary = kind.split('=')[1];
    return [kind.replace(boundary, ''), r.json('body').split(`--${boundary}`).map((it) => it.trim()).sort()];
  });
}
