// Parameters: values of every kind, right and wrong.
import http from 'k6/http';
import { told, throws, said } from './lib/told.js';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
const look = (r) => [r.status, r.error, r.error_code, r.url, r.request && r.request.method, r.headers.Location];
export default function () {
  const none = { nothing: null, missing: undefined, object: {}, flag: true };
  for (const [name, value] of Object.entries({ ...none, word: 'abc', less: -1, zero: 0, text: '-5s', long: '1m' })) told(`timeout ${name}`, () => look(http.get(`${B}/text`, { timeout: value })));
  for (const [name, value] of Object.entries({ nothing: null, missing: undefined, word: 'x', less: -1, zero: 0, text: '1', two: 2 })) told(`redirects ${name}`, () => look(http.get(`${B}/redirect/2`, { redirects: value })));
  for (const [name, value] of Object.entries({ nothing: null, missing: undefined, word: 'x', loud: 'TEXT', none: 'none', text: 'text' })) told(`responseType ${name}`, () => look(http.get(`${B}/text`, { responseType: value })));
  for (const [name, value] of Object.entries({ nothing: null, number: 5, right: http.expectedStatuses(200) })) told(`responseCallback ${name}`, () => look(http.get(`${B}/text`, { responseCallback: value })));
  for (const [name, value] of Object.entries({ nothing: null, object: { a: {} }, empty: { b: null }, missing: { c: undefined }, right: { d: 1, e: true } })) told(`tags ${name}`, () => look(http.get(`${B}/text`, { tags: value })));
  for (const name of ['headers', 'cookies', 'jar', 'auth', 'compression', 'unknown']) told(name, () => look(http.get(`${B}/text`, { [name]: null })));
  for (const name of ['headers', 'jar', 'auth', 'unknown']) told(`${name} as a word`, () => look(http.get(`${B}/text`, { [name]: 'x' })));
  told('compression of nothing', () => look(http.get(`${B}/text`, { compression: 'gzip' })));
  told('compression unknown', () => look(http.post(`${B}/text`, 'x', { compression: 'lzw' })));
  told('compression and a header', () => { const r = http.post(`${B}/echo`, 'x', { compression: 'gzip', headers: { 'Content-Encoding': 'deflate' } }); return [r.json('headers.content-encoding'), r.request.body]; });
  told('name and url', () => look(http.get(`${B}/text`, { tags: { name: 'N', url: 'U', method: 'M' } })));
  told('binary', () => { const r = http.get(`${B}/bytes/256`, { responseType: 'binary' }); return [r.body.byteLength, new Uint8Array(r.body)[200]]; });
  told('bytes as text', () => { const r = http.get(`${B}/bytes/256`); return [r.body.length, r.body.charCodeAt(200), r.body.charCodeAt(65)]; });
}
