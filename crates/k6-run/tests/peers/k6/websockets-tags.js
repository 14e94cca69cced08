// What samples carry, and what the handshake sends.
import { WebSocket } from 'k6/experimental/websockets';
import http from 'k6/http';
import { check, group } from 'k6';
import { W, tell } from './lib/sockets.js';
export const options = { iterations: 2, userAgent: 'me/1' };
const talk = (path, protocols, params) => new Promise((resolve) => {
  const socket = new WebSocket(`${W}/${path}`, protocols, params);
  socket.onopen = () => {
    tell(path, socket.protocol);
    socket.ping();
  };
  socket.onpong = () => group('inner', () => socket.send('x'));
  socket.onmessage = () => {
    check(1, { heard: true });
    socket.close();
  };
  socket.onclose = resolve;
});
const headers = (name, params) => new Promise((resolve) => {
  const socket = new WebSocket(`${W}/headers`, null, params);
  socket.onmessage = (event) => {
    const all = JSON.parse(event.data);
    tell(name, JSON.stringify(Object.keys(all).filter((it) => it !== 'sec-websocket-key' && it !== 'host').sort().map((it) => `${it}=${all[it]}`)));
    socket.close();
  };
  socket.onclose = resolve;
});
export default async function () {
  await talk('echo');
  await talk('echo?a=1', null, { tags: { a: 1, url: 'mine', status: 'x' } });
  await talk('echo', undefined, { tags: { name: 'named' } });
  await talk('protocol', ['one', 'two'], {});
  await talk('protocol', 'solo');
  await talk('foreign', 5);
  const own = new http.CookieJar();
  own.set(__ENV.BASE_URL, 'own', '1');
  await headers('plain', {});
  await headers('headers', { headers: { 'x-MY-thing': 1 }, jar: own });
  let grouped;
  group('outer', () => (grouped = talk('echo')));
  await grouped;
}
