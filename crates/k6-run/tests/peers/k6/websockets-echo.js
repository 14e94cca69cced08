// A conversation on the event loop: text, bytes, pings, in their order.
import { WebSocket } from 'k6/experimental/websockets';
import { W, listen, tell } from './lib/sockets.js';
export const options = { vus: 2, iterations: 4 };
export default function () {
  const log = [];
  const socket = new WebSocket(`${W}/echo`);
  listen(socket, log);
  log.push(Object.keys(socket).join(), socket.url === `${W}/echo`, socket.readyState, socket.bufferedAmount, socket.binaryType, socket.protocol, socket.extensions.length);
  socket.binaryType = 'arraybuffer';
  socket.onopen = (event) => {
    log.push(`on${event.type} ${Object.keys(event)} ${event.target.readyState}`);
    socket.send('text');
    socket.send(new Uint8Array([1, 2, 3]));
    socket.send(new Uint16Array([258]).buffer);
    log.push(socket.bufferedAmount);
  };
  let left = 3;
  socket.onmessage = (event) => {
    log.push(Object.keys(event), event.origin === `${W}/echo`, typeof event.timestamp);
    left -= 1;
    if (left === 0) socket.ping();
  };
  socket.onpong = () => {
    log.push('onpong');
    socket.close();
    log.push(socket.readyState);
  };
  socket.onclose = () => tell(log.join('; '), socket.readyState);
  log.push('end of function');
}
