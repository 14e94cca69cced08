// Conditions on the metrics of connections.
import { WebSocket } from 'k6/experimental/websockets';
import { W, tell } from './lib/sockets.js';
export const options = {
  iterations: 3,
  thresholds: {
    ws_sessions: ['count>=2'],
    ws_msgs_received: ['count<1'],
    'ws_msgs_sent{kind:one}': ['count>0'],
    ws_connecting: ['p(95)<60000'],
  },
};
export default function () {
  const socket = new WebSocket(`${W}/echo`, null, { tags: { kind: 'one' } });
  socket.onopen = () => socket.send('x');
  socket.onmessage = () => socket.close();
  tell('begun');
}
