// Several connections at once, with requests and timers: the iteration ends when all are closed.
import { WebSocket } from 'k6/experimental/websockets';
import http from 'k6/http';
import { tell, W } from './lib/sockets.js';
export const options = { vus: 3, iterations: 6 };
export default function () {
  const seen = [[], [], []];
  let open = 3;
  for (const place of [0, 1, 2]) {
    const socket = new WebSocket(`${W}/echo`);
    let count = 0;
    const timer = setInterval(() => {
      if (socket.readyState !== 1) return;
      count += 1;
      socket.send(`${place} ${count}`);
      if (count === 3) clearInterval(timer);
    }, 10 + place * 5);
    socket.onmessage = (event) => {
      seen[place].push(event.data);
      if (seen[place].length === 3) {
        seen[place].push(http.get(`${__ENV.BASE_URL}/text`).body);
        socket.close();
      }
    };
    socket.onclose = () => {
      open -= 1;
      if (open === 0) tell(JSON.stringify(seen));
    };
  }
}
