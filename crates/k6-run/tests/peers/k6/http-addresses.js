// Addresses: what is sent of them, and what is none.
import http from 'k6/http';
import { told, throws, said } from './lib/told.js';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const all = ['', '?q', '#f', '/text#f', '/a/../text/./x//', '/|{}^`<>\\', '/%zz', '/%7ex', '/%7ex|', '/text?', '/text?a=%zz', '/a%2Fb', '/a+b', '//text', "/!$&'()*+,;=:@[]~", '/é?é=ü', '/text?a=1&b=2#x?y', '/a\nb'];
  const whole = ['example.com', '/echo', '://bad', '', 'ftp://x/', 'http:foo', 'http://a b/', 'http://127.0.0.1:99999/', 'http://127.0.0.1:x/', 'http://[::1', 'mailto:a@b', B.replace('http', 'HTTP') + '/text'];
  const look = (r) => [r.status, r.error, r.error_code, r.request && [r.request.url, r.request.method], r.status && r.body[0] === '{' && r.json('target')];
  for (const [place, path] of all.entries()) told(`path ${place}`, () => look(http.get(B + path)));
  for (const [place, url] of whole.entries()) told(`address ${place}`, () => look(http.get(url)));
  for (const [place, url] of [undefined, null, 5, true].entries()) told(`kind ${place}`, () => look(http.get(url)));
  told('user', () => look(http.get(`${B.replace('//', '//user:secret@')}/text`)));
  told('template', () => { const u = http.url`${B}/echo/${1}/${'x y'}`; return [u.name, u.url, look(http.get(u))]; });
  throws('template of a text', () => http.url('x'));
}
