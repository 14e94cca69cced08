// What becomes of method, body and headers on the way.
import http from 'k6/http';
import { told, throws, said } from './lib/told.js';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const headers = { 'X-A': 'b', 'Content-Type': 'text/x', Authorization: 'q', Cookie: 'a=b' };
  for (const status of [301, 302, 303, 307, 308]) {
    for (const method of ['POST', 'HEAD', 'DELETE', 'GET']) {
      told(`${status} ${method}`, () => {
        const r = http.request(method, `${B}/redirect-to/${status}`, 'body', { headers });
        const names = ['authorization', 'content-type', 'content-length', 'cookie', 'referer', 'x-a'];
        return [r.status, r.url, r.request.method, r.request.body, r.body && [r.json('method'), r.json('body'), names.map((name) => r.json(`headers.${name}`))]];
      });
    }
  }
  for (const target of ['/a/../text', '../text', '../text?a=b', '//' + B.replace('http://', '') + '/text', '/text#there', 'http://127.0.0.1:1/']) told(target.replace(B.replace('http://', ''), ''), () => { const r = http.get(`${B}/redirect-to/302?${target}`); return [r.status, r.url, r.error_code]; });
  told('a referer of its own', () => http.get(`${B}/redirect-to/302`, { headers: { Referer: 'http://a.test/' } }).json('headers.referer'));
  told('who asks is not told', () => http.get(`${B.replace('//', '//u:p@')}/redirect-to/302`).json('headers.referer'));
}
