// Exceptions in handlers end the connection, and go on to who called.
import ws from 'k6/ws';
import { W, record, tell } from './lib/sockets.js';
export const options = { iterations: 2 };
function thrown(name, path, setUp) {
  const log = [];
  try {
    ws.connect(`${W}/${path}`, {}, (socket) => {
      record(socket, log);
      setUp(socket);
    });
    log.push('no exception');
  } catch (err) {
    log.push(`${err.name} ${err.message}`);
  }
  tell(name, log.join('; '));
}
const fails = () => {
  throw new Error('mine');
};
export default function () {
  thrown('function', 'echo', fails);
  thrown('open', 'echo', (socket) => socket.on('open', fails));
  thrown('message', 'hello/2', (socket) => socket.on('message', fails));
  thrown('ping', 'ping', (socket) => socket.on('ping', fails));
  thrown('close', 'close/1000', (socket) => socket.on('close', fails));
  thrown('error', 'close/4000', (socket) => socket.on('error', fails));
  thrown('timeout', 'echo', (socket) => socket.setTimeout(fails, 5));
  thrown('interval', 'echo', (socket) => socket.setInterval(fails, 5));
  for (const odd of [() => ws.connect(), () => ws.connect(`${W}/echo`), () => ws.connect(`${W}/echo`, {}), () => ws.connect(`${W}/echo`, {}, 5)]) {
    try {
      odd();
      tell('no exception');
    } catch (err) {
      tell(err.message);
    }
  }
  ws.connect(`${W}/echo`, (socket) => socket.on('open', fails));
}
