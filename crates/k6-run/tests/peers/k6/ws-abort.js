// A handler ends the run.
import ws from 'k6/ws';
import exec from 'k6/execution';
import { W, tell } from './lib/sockets.js';
export const options = { iterations: 3 };
export default function () {
  ws.connect(`${W}/hello/1`, {}, (socket) => {
    socket.on('message', () => exec.test.abort('enough'));
  });
  tell('never');
}
