// What the handshake sends: headers, cookies of jars; and what it brings.
import ws from 'k6/ws';
import http from 'k6/http';
import { W, tell } from './lib/sockets.js';
export const options = { iterations: 2, userAgent: 'me/1' };
function sent(name, path, params) {
  ws.connect(`${W}/${path}`, params, (socket) => {
    socket.on('message', (text) => {
      const all = JSON.parse(text);
      tell(name, all['sec-websocket-key'].length, JSON.stringify(Object.keys(all).filter((it) => it !== 'sec-websocket-key' && it !== 'host').sort().map((it) => `${it}=${all[it]}`)));
      socket.close();
    });
  });
}
export default function () {
  const own = new http.CookieJar();
  own.set(__ENV.BASE_URL, 'own', '1');
  sent('plain', 'headers', {});
  sent('headers', 'headers', { headers: { 'user-agent': 'other', 'x-MY-thing': 1, 'X-List': ['a', 'b'], 'X-Null': null } });
  const r = ws.connect(`${W}/cookie`, {}, (socket) => socket.close());
  tell(r.headers['Set-Cookie']);
  sent('after a cookie', 'headers', {});
  sent('other jar', 'headers', { jar: own });
  http.cookieJar().set(__ENV.BASE_URL, 'more', '2');
  sent('from http', 'headers', undefined);
  tell(Object.entries(http.cookieJar().cookiesForURL(__ENV.BASE_URL)).sort().join('; '));
  ws.connect(`${W}/headers`, { headers: { Host: 'other.test' } }, (socket) => {
    socket.on('message', (text) => {
      tell(JSON.parse(text).host);
      socket.close();
    });
  });
}
