// Timers of a connection, beside messages, and those of the script, which wait.
import ws from 'k6/ws';
import { W, tell } from './lib/sockets.js';
export default function () {
  const log = [];
  let answered = 0;
  setTimeout(() => tell('of the script', log.length), 1);
  ws.connect(`${W}/echo`, {}, (socket) => {
    let ticks = 0;
    socket.setTimeout(() => {
      log.push('first');
      socket.setTimeout(() => log.push('second'), 20);
    }, 20);
    socket.setTimeout(() => log.push('never'), 60000);
    socket.setInterval(() => {
      ticks += 1;
      if (ticks <= 5) socket.send('tick');
    }, 100);
    socket.on('message', () => {
      answered += 1;
      if (answered === 5) socket.close();
    });
    socket.on('close', () => log.push('closed'));
  });
  tell(log.join(), answered);
}
