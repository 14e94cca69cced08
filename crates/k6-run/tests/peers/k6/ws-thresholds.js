// Conditions on the metrics of connections.
import ws from 'k6/ws';
import { W } from './lib/sockets.js';
export const options = {
  iterations: 2,
  thresholds: {
    ws_sessions: ['count==4'],
    ws_msgs_sent: ['count<4'],
    ws_msgs_received: ['count>=4'],
    'ws_sessions{kind:second}': ['count==2'],
    ws_connecting: ['p(95)<60000'],
    'ws_connecting{status:101}': ['max<60000'],
    ws_ping: ['avg<60000'],
    ws_session_duration: ['med>60000'],
    'ws_msgs_received{subproto:none}': ['count==0'],
  },
};
export default function () {
  for (const kind of ['first', 'second']) {
    ws.connect(`${W}/echo`, { tags: { kind } }, (socket) => {
      socket.on('open', () => socket.ping());
      socket.on('pong', () => socket.send('x'));
      socket.on('message', () => socket.close());
    });
  }
}
