// Messages of all sizes, in pieces, and with pings between them.
import ws from 'k6/ws';
import { W, record, tell } from './lib/sockets.js';
export default function () {
  const log = [];
  const once = (path, name) => ws.connect(`${W}/${path}`, {}, (socket) => {
    record(socket, log);
    socket.on(name, (data) => {
      log.push(data.length ?? data.byteLength);
      socket.close();
    });
  });
  once('fragments', 'message');
  once('big/100', 'message');
  once('big/200', 'message');
  once('big/70000', 'message');
  once('big/3000000', 'message');
  once('binary/0', 'binaryMessage');
  once('binary/200', 'binaryMessage');
  ws.connect(`${W}/hello/50`, {}, (socket) => {
    let seen = '';
    socket.on('message', (text) => {
      seen += text;
      if (text === 'message 49') {
        log.push(seen.length);
        socket.close();
      }
    });
  });
  ws.connect(`${W}/ping`, {}, (socket) => {
    record(socket, log);
    socket.on('message', () => socket.close());
  });
  ws.connect(`${W}/echo`, {}, (socket) => {
    socket.on('open', () => socket.send('y'.repeat(2000000)));
    socket.on('message', (text) => {
      log.push(text.length);
      socket.close();
    });
  });
  for (const line of log) tell(line);
}
