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
  for (const code of [0, 1000, 1001, 1002, 1006, 1011, 1012, 1015, 3000, 4000, 5000]) await over(`close/${code}`);
  for (const kind of ['drop', 'garbage', 'masked', 'reserved', 'bad-accept']) await over(kind);
  await over('reset', (socket) => (socket.onopen = () => socket.send('never read')));
  await over('closing/4001', (socket) => (socket.onopen = () => socket.send('go')));
}
