// A certificate of an authority that nobody knows.
import ws from 'k6/ws';
import { tell } from '../lib/sockets.js';
export default function () {
  const r = ws.connect(`${__ENV.WRAPPED_URL}/ws/echo`, {}, () => tell('never called'));
  tell(r.status, r.error !== '', r.url);
}
