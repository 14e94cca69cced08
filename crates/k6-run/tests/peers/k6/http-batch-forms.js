// Requests at the same time: every form of them, and what is none.
import http from 'k6/http';
import { told, throws, said } from './lib/told.js';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
const one = (r) => (r ? [r.status, r.error, r.error_code, r.url, r.request && r.request.method] : 'nothing');
const all = (answers) => (Array.isArray(answers) ? answers.map(one) : Object.fromEntries(Object.entries(answers).map(([key, r]) => [key, one(r)])));
export default function () {
  const T = `${B}/text`;
  told('a list', () => all(http.batch([T, ['GET', T], ['post', T, 'x', { tags: { a: 1 } }], { method: 'PUT', url: T, body: 'q', params: { headers: { a: 'b' } } }, { url: T }, http.url`${B}/text`])));
  told('an object', () => all(http.batch({ a: T, b: ['GET', T], c: { method: 'GET', url: http.url`${B}/text` } })));
  for (const [name, given] of Object.entries({ list: [], object: {}, word: 'x', number: 5, numbers: [5], nothing: [null], short: [['GET']], 'no url': [{}], 'wrong address': [T, '://bad', T], 'wrong parameter': [['GET', T, null, { timeout: 'zz' }], T] })) told(name, () => all(http.batch(given)));
  told('no argument', () => http.batch());
  told('one that fails', () => all(http.batch([T, 'http://127.0.0.1:1/', `${B}/status/500`])));
  told('cookies', () => http.batch([['GET', `${B}/echo`, null, { cookies: { a: 'b' } }]])[0].json('headers.cookie'));
}
