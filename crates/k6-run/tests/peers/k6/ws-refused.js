// Connections that there are none of.
import ws from 'k6/ws';
import { W, tell } from './lib/sockets.js';
const H = __ENV.BASE_URL.replace('http', 'ws');
export default function () {
  for (const url of [`${W}/bad-accept`, `${H}/status/403`, `${H}/redirect/1`, `${H}/text`, `${__ENV.BASE_URL}/ws/echo`, 'ftp://127.0.0.1/', 'ws://127.0.0.1:1/', '']) {
    const r = ws.connect(url, {}, () => tell('never called'));
    tell(url, r.status, r.url, r.body, r.error, r.headers['X-Method']);
  }
  for (const name of ['upgrade', 'Connection', 'sec-websocket-key', 'sec-websocket-version', 'sec-websocket-extensions']) {
    const r = ws.connect(`${W}/echo`, { headers: { [name]: 'x' } }, () => tell('never called'));
    tell(name, r.status, r.error);
  }
}
