// Servers that break the rules or the connection.
import ws from 'k6/ws';
import { W, record, tell } from './lib/sockets.js';
export default function () {
  for (const kind of ['drop', 'garbage', 'masked', 'reserved']) {
    const log = [];
    const r = ws.connect(`${W}/${kind}`, {}, (socket) => record(socket, log));
    tell(kind, r.status, r.error, log.join('; '));
  }
  const log = [];
  ws.connect(`${W}/reset`, {}, (socket) => {
    record(socket, log);
    socket.on('open', () => socket.send('never read'));
  });
  // What an error of the system shows besides its words is Go's own.
  tell(log.join('; ').replace(/\(\{.*\} write/, '(write').replace(/PORT->127.0.0.1/, 'PORT'));
}
