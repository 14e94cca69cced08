// With the option `throw`, connections that there are none of are exceptions.
import ws from 'k6/ws';
import { W, tell } from './lib/sockets.js';
const H = __ENV.BASE_URL.replace('http', 'ws');
export const options = { throw: true };
export default function () {
  for (const url of [`${W}/bad-accept`, `${H}/status/403`, `${__ENV.BASE_URL}/ws/echo`, 'ws://127.0.0.1:1/']) {
    try {
      ws.connect(url, () => tell('never called'));
      tell('no exception');
    } catch (err) {
      tell(url, err.message);
    }
  }
  tell(ws.connect(`${W}/drop`, () => {}).status);
  ws.connect('', () => {});
}
