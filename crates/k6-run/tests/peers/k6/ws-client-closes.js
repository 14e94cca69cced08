// Closing from here: codes, twice, before it is open, and what is done after.
import ws from 'k6/ws';
import { W, record, tell } from './lib/sockets.js';
const closed = (name, ...code) => {
  const log = [];
  ws.connect(`${W}/hello/3`, {}, (socket) => {
    record(socket, log);
    socket.on('message', () => {
      socket.close(...code);
      log.push('closed');
    });
  });
  tell(name, log.join('; '));
};
export default function () {
  closed('none');
  for (const code of [1000, 1005, 4000, 99999, 3.7, 'x', undefined]) closed(String(code), code);
  closed('with a reason', 1000, 'because');
  const log = [];
  ws.connect(`${W}/echo`, (socket) => {
    record(socket, log);
    socket.close(1000);
    log.push('end of function');
  });
  ws.connect(`${W}/silent`, (socket) => {
    record(socket, log);
    socket.on('open', () => {
      socket.close();
      socket.close();
      socket.send('late');
      socket.ping();
      socket.sendBinary(new ArrayBuffer(1));
    });
  });
  tell(log.join('; '));
}
