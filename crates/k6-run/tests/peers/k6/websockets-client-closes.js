// Closing from here: codes, reasons, twice, before it is open, and messages that come after.
import { WebSocket } from 'k6/experimental/websockets';
import { W, listen, tell } from './lib/sockets.js';
const over = (name, path, prepare) => new Promise((resolve) => {
  const log = [];
  const socket = new WebSocket(`${W}/${path}`);
  listen(socket, log);
  prepare(socket, log);
  socket.onclose = () => setTimeout(() => {
    tell(name, log.join('; '));
    resolve();
  }, 1);
});
export default async function () {
  for (const all of [[], [1000], [1001], [1005], [4000, 'mine'], [99999], [3.7], ['x'], [undefined], [1000, 'r'.repeat(200)]]) {
    await over(`code ${all}`, 'echo', (socket) => (socket.onopen = () => socket.close(...all)));
  }
  await over('twice', 'echo', (socket, log) => {
    socket.onopen = () => {
      socket.close(4002, 'a');
      socket.close(4003, 'b');
      for (const method of ['send', 'ping']) {
        try {
          socket[method]('x');
        } catch (err) {
          log.push(err.message);
        }
      }
    };
  });
  await over('early', 'echo', (socket, log) => {
    socket.close();
    log.push(socket.readyState);
  });
  await over('messages', 'hello/5', (socket) => (socket.onmessage = () => socket.close()));
}
