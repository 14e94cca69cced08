// Names and addresses that are not called, and names that lead elsewhere.
import ws from 'k6/ws';
import { WebSocket } from 'k6/experimental/websockets';
import { tell } from '../lib/sockets.js';
export const options = {
  iterations: 1,
  hosts: { 'one.test': __ENV.BASE_URL.slice(7), 'ten.test': '10.1.2.3:80' },
  blockHostnames: ['*.blocked.test'],
  blacklistIPs: ['10.0.0.0/8'],
};
export default function () {
  for (const host of ['one.test', 'a.blocked.test', 'ten.test', '10.9.9.9']) {
    const r = ws.connect(`ws://${host}/ws/echo`, {}, (socket) => socket.close());
    tell(host, r.status, /blocked pattern|blacklisted/.exec(r.error)?.[0]);
    const socket = new WebSocket(`ws://${host}/ws/close/1000`);
    socket.onerror = (event) => tell(host, 'error', /blocked pattern|blacklisted/.exec(event.error)?.[0]);
    socket.onclose = () => tell(host, 'close');
  }
}
