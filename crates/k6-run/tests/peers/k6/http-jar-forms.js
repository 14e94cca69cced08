// Cookie jars: what is set, what is found where, what is sent.
import http from 'k6/http';
import { told, throws, said } from './lib/told.js';
const B = __ENV.BASE_URL;
export const options = { iterations: 2 };
const at = (path) => `${B}${path}`;
const sent = (params) => (http.get(at('/echo'), params).json('headers.cookie') || '').split('; ').sort();
export default function () {
  const jar = http.cookieJar();
  told('start', () => jar.cookiesForURL(at('/')));
  told('set', () => [jar.set(at('/'), 'a', 'b'), jar.set(at('/'), 'n', 5), jar.cookiesForURL(at('/')), jar.cookiesForURL(at('/x'))]);
  told('path', () => [jar.set(at('/'), 'p', '1', { path: '/deep' }), jar.cookiesForURL(at('/')).p, jar.cookiesForURL(at('/deep/x')).p, jar.cookiesForURL(at('/deeper')).p]);
  told('domain', () => [jar.set('http://www.a.test/', 'd', '1', { domain: 'a.test' }), jar.cookiesForURL('http://a.test/'), jar.cookiesForURL('http://b.a.test/'), jar.cookiesForURL('http://nota.test/')]);
  told('another domain', () => [jar.set('http://www.a.test/', 'e', '1', { domain: 'b.test' }), jar.cookiesForURL('http://b.test/')]);
  told('a top level', () => [jar.set('http://www.a.com/', 'f', '1', { domain: 'com' }), jar.cookiesForURL('http://b.com/')]);
  told('secure', () => [jar.set('http://s.test/', 's', '1', { secure: true }), jar.cookiesForURL('http://s.test/'), jar.cookiesForURL('https://s.test/')]);
  told('ages', () => [jar.set(at('/'), 'm', '1', { max_age: 100 }), jar.set(at('/'), 'm0', '1', { max_age: 0 }), jar.set(at('/'), 'mn', '1', { max_age: -1 }), jar.cookiesForURL(at('/'))]);
  told('dates', () => [jar.set(at('/'), 'e', '1', { expires: 'Tue, 01 Jan 2036 00:00:00 GMT' }), jar.set(at('/'), 'e2', '1', { expires: 'Tue, 01 Jan 1980 00:00:00 GMT' }), jar.cookiesForURL(at('/'))]);
  throws('no date', () => { try { jar.set(at('/'), 'e3', '1', { expires: 'soon' }); } catch (err) { throw new Error(''); } });
  told('other options', () => [jar.set(at('/'), 'h', '1', { http_only: true }), jar.set(at('/'), 'o', '1', null), jar.set(at('/'), 'u', '1', { other: 1 })]);
  throws('no address', () => jar.set('://', 'x', '1'));
  told('sent', () => sent());
  told('own', () => sent({ cookies: { a: 'own', z: 'y' } }));
  told('own instead', () => sent({ cookies: { a: { value: 'own', replace: true }, n: { value: 'x', replace: false } } }));
  told('a header too', () => sent({ headers: { Cookie: 'hc=1' } }));
  told('of the request', () => { const { cookies } = http.get(at('/echo'), { cookies: { a: { value: 'own', replace: true }, z: 'y' } }).request; return [cookies.a, cookies.z, Object.keys(cookies).sort()]; });
  told('delete', () => [jar.delete(at('/'), 'a'), jar.delete(at('/'), 'none'), Object.keys(jar.cookiesForURL(at('/'))).sort()]);
  told('clear', () => [jar.clear(at('/')), jar.cookiesForURL(at('/')), jar.cookiesForURL(at('/deep/x'))]);
  for (const header of ['one=1; Path=/; HttpOnly; Max-Age=60; Expires=Tue, 01 Jan 2036 00:00:00 GMT', 'two="q u"; Secure; Domain=127.0.0.1; Expires=Tue, 01 Jan 2036 00:00:00 GMT', 'bad', '=v', 'four=a=b; SameSite=Lax; Expires=Tue, 01 Jan 2036 00:00:00 GMT']) told(`header ${header[0]}`, () => http.get(at(`/cookies?${header.replace(/ /g, '%20')}`)).cookies);
  told('after', () => [jar.cookiesForURL(at('/')), jar.cookiesForURL(at('/cookies'))]);
  const own = new http.CookieJar();
  told('a jar of its own', () => { own.set(at('/'), 'own', 'jar'); const r = http.get(at('/cookies?fresh=1'), { jar: own }); return [Object.keys(r.cookies), sent({ jar: own }), own.cookiesForURL(at('/')), jar.cookiesForURL(at('/')).fresh]; });
}
