// Connections after each other and within each other, with requests and waiting between.
import ws from 'k6/ws';
import http from 'k6/http';
import { check, sleep } from 'k6';
import { W, record, tell } from './lib/sockets.js';
export const options = { vus: 3, iterations: 6 };
export default function () {
  const log = [];
  ws.connect(`${W}/hello/2`, {}, (socket) => {
    let seen = 0;
    socket.on('message', (text) => {
      seen += 1;
      log.push(text, http.get(`${__ENV.BASE_URL}/text`).body);
      sleep(0.05);
      ws.connect(`${W}/hello/1`, {}, (inner) => {
        record(inner, log);
        inner.on('message', () => inner.close(4000 + seen));
      });
      if (seen === 2) socket.close();
    });
  });
  check(ws.connect(`${W}/close/1000`, () => {}), { 'status is 101': (r) => r && r.status === 101 });
  tell(log.join('; '));
}
