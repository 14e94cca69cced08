// Connections that go on and on: their scenario's end is theirs.
import { WebSocket } from 'k6/experimental/websockets';
import { check } from 'k6';
import { W, tell } from './lib/sockets.js';
export const options = { scenarios: { a: { executor: 'constant-vus', vus: 2, duration: '1s', gracefulStop: '500ms' } } };
export default function () {
  const socket = new WebSocket(`${W}/hello/1`);
  socket.onmessage = () => check(1, { heard: true });
}
export function teardown() {
  tell('teardown');
}
