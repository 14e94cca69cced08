// Basic and Digest authentication.
import http from 'k6/http';
import { told, throws, said } from './lib/told.js';
const B = __ENV.BASE_URL;
const as = (user) => B.replace('//', `//${user}@`);
export const options = { iterations: 1 };
const look = (r) => [r.status, r.url, r.request.url, Object.keys(r.request.headers).sort()];
export default function () {
  told('basic', () => look(http.get(`${as('user:secret')}/basic`, { auth: 'basic' })));
  told('basic without a word', () => look(http.get(`${as('user:secret')}/basic`)));
  told('basic sent', () => http.get(`${as('user:secret')}/echo`).json('headers.authorization'));
  told('nobody', () => look(http.get(`${B}/basic`)));
  told('digest', () => look(http.get(`${as('user:secret')}/digest`, { auth: 'digest' })));
  told('digest with a query', () => look(http.get(`${as('user:secret')}/digest?a=b c&d=%20`.replace('b c', 'b%20c'), { auth: 'digest' })));
  told('digest of a body', () => look(http.post(`${as('user:secret')}/digest`, 'body', { auth: 'digest' })));
  told('digest refused', () => look(http.get(`${as('user:wrong')}/digest`, { auth: 'digest' })));
  told('digest that is not asked for', () => look(http.get(`${as('user:secret')}/text`, { auth: 'digest' })));
  told('an unknown way', () => look(http.get(`${as('user:secret')}/text`, { auth: 'other' })));
}
