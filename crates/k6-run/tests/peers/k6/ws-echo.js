// A conversation: text, bytes, pings, in their order.
import ws from 'k6/ws';
import { W, record, tell } from './lib/sockets.js';
export const options = { vus: 2, iterations: 4 };
export default function () {
  const log = [];
  const r = ws.connect(`${W}/echo`, { tags: { my: 'own' } }, (socket) => {
    record(socket, log);
    log.push(Object.keys(socket).join());
    socket.on('open', () => {
      socket.send('text');
      socket.send('zwölf');
      socket.sendBinary(new Uint8Array([1, 2, 255]).buffer);
      for (const odd of [5, true, null, undefined, { a: 1 }, [1, 2]]) socket.send(odd);
      socket.send();
    });
    let left = 10;
    const next = () => {
      left -= 1;
      if (left === 0) socket.ping();
    };
    socket.on('message', next);
    socket.on('binaryMessage', next);
    socket.on('pong', () => socket.close());
    log.push('set up');
  });
  tell(log.join('; '));
  tell(Object.keys(r), r.status, r.url, r.error, r.body, r.headers.Upgrade, r.headers['Sec-Websocket-Accept'].length);
}
