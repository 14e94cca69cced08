// Exceptions in handlers end the connection and the iteration; timers and connections end with it.
import { WebSocket } from 'k6/experimental/websockets';
import { W, tell } from './lib/sockets.js';
export const options = { iterations: 3 };
export default function () {
  const socket = new WebSocket(`${W}/hello/1`);
  socket.onmessage = () => {
    throw new Error('mine');
  };
  socket.onerror = (event) => tell('error', event.error.slice(0, 11), socket.readyState);
  socket.onclose = () => tell('close', socket.readyState);
  setTimeout(() => tell('never'), 300);
}
