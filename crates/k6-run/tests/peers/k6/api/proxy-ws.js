// Connections go through the proxies of the environment, which pass on their bytes unread.
import ws from 'k6/ws';
import { tell } from '../lib/sockets.js';
export const options = { iterations: 1, insecureSkipTLSVerify: true };
export default function () {
  const heard = (url) => ws.connect(url, {}, (socket) => {
    socket.on('message', (text) => {
      tell(JSON.parse(text).host);
      socket.close();
    });
  }).status;
  const port = __ENV.BASE_URL.split(':').pop();
  const secure = __ENV.WRAPPED_URL.split(':').pop();
  tell(heard(`ws://app.test:${port}/ws/headers`));
  tell(heard(`wss://app.test:${secure}/ws/headers`));
  tell(ws.connect(`ws://app.test:1/ws/headers`, {}, () => {}).error !== '');
  tell(heard(`ws://127.0.0.1:${port}/ws/headers`));
}
