// Listeners: their order, what is refused, and properties that cannot be set.
import { WebSocket } from 'k6/experimental/websockets';
import { W, tell } from './lib/sockets.js';
const attempt = (name, work) => {
  try {
    tell(name, work());
  } catch (err) {
    tell(name, err.name === 'TypeError' ? 'TypeError' : err.message);
  }
};
export default function () {
  const socket = new WebSocket(`${W}/hello/1`);
  const log = [];
  socket.addEventListener('message', () => log.push('first'));
  socket.addEventListener('message', () => log.push('second'));
  socket.onmessage = () => log.push('replaced');
  socket.onmessage = () => log.push('own');
  attempt('unknown', () => socket.addEventListener('nothing', () => 1));
  attempt('missing', () => socket.addEventListener('open'));
  attempt('on number', () => (socket.onmessage = 7));
  attempt('readyState', () => (socket.readyState = 7));
  attempt('url', () => (socket.url = 'x'));
  attempt('own property', () => (socket.mine = 'x'));
  socket.onerror = () => log.push('error');
  socket.onerror = null;
  tell(socket.readyState, socket.url === `${W}/hello/1`, socket.mine);
  socket.addEventListener('message', () => setTimeout(() => socket.close(4000), 1));
  socket.addEventListener('close', () => tell(log.join()));
}
