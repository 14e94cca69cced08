// Connections through TLS, and what a certificate that nobody knows does to them.
import ws from 'k6/ws';
import { WebSocket } from 'k6/experimental/websockets';
import { listen, record, tell } from '../lib/sockets.js';
const U = `${__ENV.WRAPPED_URL}/ws`;
export const options = { iterations: 1, insecureSkipTLSVerify: true, systemTags: ['url', 'status', 'subproto', 'tls_version', 'proto', 'method', 'group'] };
export default function () {
  const log = [];
  const r = ws.connect(`${U}/echo`, {}, (socket) => {
    record(socket, log);
    socket.on('open', () => socket.send('through TLS'));
    socket.on('message', () => socket.close());
  });
  tell(r.status, log.join('; '));
  const dropped = [];
  ws.connect(`${U}/drop`, {}, (socket) => record(socket, dropped));
  tell(dropped.join('; '));
  const socket = new WebSocket(`${U}/hello/1`);
  const heard = [];
  listen(socket, heard);
  socket.onmessage = () => socket.close();
  socket.onclose = () => setTimeout(() => tell(heard.join('; ')), 1);
}
