// Each code with which a server closes, and codes that none may use.
import ws from 'k6/ws';
import { W, record, tell } from './lib/sockets.js';
export default function () {
  for (const code of [0, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 1015, 2999, 3000, 4000, 4999, 5000]) {
    const log = [];
    const r = ws.connect(`${W}/close/${code}`, (socket) => record(socket, log));
    tell(code, r.status, log.join('; '));
  }
  const log = [];
  ws.connect(`${W}/closing/4001`, null, (socket) => {
    record(socket, log);
    socket.on('open', () => socket.send('go'));
    socket.on('close', () => socket.send('too late'));
  });
  tell(log.join('; '));
}
