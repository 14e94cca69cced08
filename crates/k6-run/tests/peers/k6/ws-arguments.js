// What methods take and what they refuse.
import ws from 'k6/ws';
import { W, tell } from './lib/sockets.js';
const attempt = (name, work) => {
  try {
    tell(name, work());
  } catch (err) {
    tell(name, err.message);
  }
};
export default function () {
  for (const params of [5, null, undefined, { tags: 5, headers: 7, jar: 9 }, { compression: '' }, { compression: 'gzip' }, { unknown: 1 }]) {
    attempt(JSON.stringify(params), () => ws.connect(`${W}/echo`, params, (socket) => socket.close()).status);
  }
  for (const odd of [null, undefined, {}, [1], () => 1]) attempt('tag', () => ws.connect(`${W}/echo`, { tags: { a: odd } }, (socket) => socket.close()).status);
  ws.connect(`${W}/echo`, {}, (socket) => {
    attempt('unknown event', () => socket.on('nothing', () => 1));
    attempt('no function', () => socket.on('open', 5));
    attempt('nothing', () => socket.on('open'));
    for (const delay of [0, -1, undefined, 0.4, '5', 1e12]) {
      attempt(`timeout ${delay}`, () => socket.setTimeout(() => 1, delay));
      attempt(`interval ${delay}`, () => socket.setInterval(() => 1, delay));
    }
    for (const odd of [5, 'text', null, undefined, new Uint8Array(1), new DataView(new ArrayBuffer(1)), [1], {}]) {
      attempt('binary', () => socket.sendBinary(odd));
    }
    attempt('binary nothing', () => socket.sendBinary());
    socket.on('open', () => socket.close());
  });
}
