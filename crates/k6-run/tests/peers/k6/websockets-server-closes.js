// Each code with which a server closes, and servers that break the rules or the connection.
import { WebSocket } from 'k6/experimental/websockets';
import { W, listen, tell } from './lib/sockets.js';
const over = (path, prepare) => new Promise((resolve) => {
  const log = [];
  const socket = new WebSocket(`${W}/${path}`);
  listen(socket, log);
  if (prepare) prepare(socket);
  socket.onclose = () => setTimeout(() => {
    tell(path, log.join('; '));
    resolve();
  }, 1);
});
export default async function () {
  // k6 may not tell that a connection is open where it is closed at once.
  const speak = (socket) => (socket.onopen = () => socket.send('go'));
  for (const code of [0, 1000, 1001, 1002, 1006, 1011, 1012, 1015, 3000, 4000, 5000]) await over(`closing/${code}`, speak);
  for (const kind of ['drop/1', 'garbage/1', 'masked/1', 'reserved/1', 'reset']) await over(kind, speak);
  await over('bad-accept');
}
