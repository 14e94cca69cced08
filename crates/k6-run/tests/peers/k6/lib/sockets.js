// What the scripts about WebSockets share: the order of events becomes the name of a check.
import { check } from 'k6';

export const W = `${__ENV.BASE_URL.replace('http', 'ws')}/ws`;
export const tell = (...words) => check(1, { [words.join(' ').replace(/:\d{4,5}\b/g, ':PORT')]: true });

export function show(value) {
  if (value instanceof ArrayBuffer) return `bytes ${new Uint8Array(value).join()}`;
  if (value && value.error) return `(${JSON.stringify(value)} ${value.error()})`;
  return String(value).slice(0, 60);
}

// Writes down what happens on a socket of `k6/ws`.
export function record(socket, log) {
  for (const name of ['open', 'message', 'binaryMessage', 'ping', 'pong', 'close', 'error']) {
    socket.on(name, (...all) => log.push([name, ...all.map(show)].join(' ')));
  }
}

// The same for `k6/websockets`.
export function listen(socket, log) {
  for (const name of ['open', 'message', 'ping', 'pong', 'close', 'error']) {
    socket.addEventListener(name, (event) => {
      const more = event.error || (event.data === undefined ? '' : show(event.data));
      log.push(`${event.type} ${more} ${socket.readyState}`);
    });
  }
}
