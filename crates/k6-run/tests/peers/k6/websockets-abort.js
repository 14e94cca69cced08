// A handler ends the run.
import { WebSocket } from 'k6/experimental/websockets';
import exec from 'k6/execution';
import { W, tell } from './lib/sockets.js';
export const options = { iterations: 3 };
export default function () {
  const socket = new WebSocket(`${W}/hello/1`);
  socket.onmessage = () => exec.test.abort('enough');
}
export function teardown() {
  tell('teardown');
}
