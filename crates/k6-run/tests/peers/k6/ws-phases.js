// Connections in setup and teardown.
import ws from 'k6/ws';
import { W, tell } from './lib/sockets.js';
const once = () => ws.connect(`${W}/hello/1`, {}, (socket) => socket.on('message', () => socket.close())).status;
export function setup() {
  return { status: once() };
}
export default function (data) {
  tell(data.status);
}
export function teardown() {
  once();
}
