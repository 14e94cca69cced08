// Connections that there are none of, and addresses that are none.
import { WebSocket } from 'k6/experimental/websockets';
import { W, listen, tell } from './lib/sockets.js';
const H = __ENV.BASE_URL.replace('http', 'ws');
const attempt = (name, ...all) => {
  const log = [];
  try {
    const socket = new WebSocket(...all);
    listen(socket, log);
    socket.onclose = () => setTimeout(() => tell(name, log.join('; ')), 1);
    try {
      socket.send('early');
    } catch (err) {
      log.push(err.message);
    }
  } catch (err) {
    tell(name, err.message);
  }
};
export default function () {
  attempt('status', `${H}/status/403`);
  attempt('redirect', `${H}/redirect/1`);
  attempt('plain', `${H}/text`);
  attempt('refused', 'ws://127.0.0.1:1/');
  attempt('scheme', `${__ENV.BASE_URL}/ws/echo`);
  attempt('empty', '');
  attempt('undefined', undefined);
  attempt('fragment', `${W}/echo#part`);
  attempt('unknown parameter', `${W}/echo`, null, { nonsense: 1 });
  attempt('tags', `${W}/echo`, null, { tags: { a: null } });
  attempt('compression', `${W}/echo`, null, { compression: 'gzip' });
}
