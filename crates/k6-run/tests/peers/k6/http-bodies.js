// Bodies and headers: how each kind of value is sent.
import http from 'k6/http';
import { told, throws, said } from './lib/told.js';
const B = `${__ENV.BASE_URL}/echo`;
export const options = { iterations: 1 };
const look = (r) => [r.status, r.error, r.request && r.request.body, r.status && r.body && [r.json('method'), r.json('body'), r.json('headers.content-type'), r.json('headers.content-length')]];
export default function () {
  const bytes = new Uint8Array([65, 66, 67]);
  const bodies = { text: 'héllo', number: 5, flag: true, list: [1, 2], buffer: bytes.buffer, view: bytes, nothing: null, missing: undefined };
  for (const [name, body] of Object.entries(bodies)) told(name, () => look(http.post(B, body)));
  told('form', () => look(http.post(B, { b: 1, a: 'x y&z', c: [1, 'two'], d: { e: 1, f: [1, 2] }, g: null, h: undefined, i: true, 'j k': 'é', l: 1.5, m: "~*()'!-_." })));
  told('form as JSON', () => look(http.post(B, { b: 1 }, { headers: { 'Content-Type': 'application/json' } })));
  for (const method of ['put', 'patch', 'del', 'options']) told(method, () => look(http[method](B, 'x', { headers: { 'x-a': '1' } })));
  told('without', () => ['post', 'put', 'patch', 'del', 'options'].map((method) => look(http[method](B))));
  told('own method', () => look(http.request('PROPFIND', B, 'x')));
  told('small letters', () => look(http.request('get', B)));
  told('no method', () => [look(http.request('', B)), look(http.request(null, B))]);
  told('wrong method', () => look(http.request('BAD METHOD', B)));
  const seen = (headers) => { const r = http.get(B, { headers }); return [r.status, r.error, r.body && ['a', 'b', 'c', 'd', 'e', 'x-y', 'host', 'cookie', 'transfer-encoding'].map((name) => r.json(`headers.${name}`))]; };
  told('headers', () => seen({ a: 1, b: true, c: null, d: undefined, e: [1, 2], 'X-y': '', Host: 'shop.test', Cookie: 'q=1' }));
  told('headers of the transfer', () => seen({ 'Transfer-Encoding': 'chunked', 'Content-Length': '99', Trailer: 'x' }));
  told('a space in a name', () => seen({ 'a b': 1 }));
  told('a line break in a value', () => seen({ a: 'b\r\nc: d' }));
  told('no object', () => look(http.get(B, 'x')));
}
