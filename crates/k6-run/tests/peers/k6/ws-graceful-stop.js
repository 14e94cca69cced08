// Connections that go on and on: their scenario's end is theirs.
import ws from 'k6/ws';
import { check } from 'k6';
import { W, tell } from './lib/sockets.js';
export const options = { scenarios: { a: { executor: 'constant-vus', vus: 2, duration: '1s', gracefulStop: '500ms' } } };
export default function () {
  ws.connect(`${W}/hello/1`, {}, (socket) => {
    socket.on('message', () => check(1, { heard: true }));
    socket.on('close', () => check(1, { closed: true }));
  });
  check(1, { 'went on': true });
}
export function teardown() {
  tell('teardown');
}
