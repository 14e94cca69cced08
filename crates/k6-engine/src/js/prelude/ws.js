// The module `k6/ws`: a connection that holds the iteration until it is closed.
const n = globalThis.__k6;
const EVENTS = ['open', 'message', 'binaryMessage', 'ping', 'pong', 'close', 'error'];

// An error of the network as k6 shows it: with a method that puts it into words.
function failure(words, code, text) {
  const failed = code === undefined ? {} : { code, text };
  failed.error = () => words;
  Object.defineProperty(failed, 'toString', { value: () => words });
  return failed;
}

export function connect(url, ...rest) {
  if (rest.length === 0) throw new Error('invalid number of arguments to ws.connect');
  const setUp = rest[rest.length - 1];
  if (typeof setUp !== 'function') throw new Error('last argument to ws.connect must be a function');
  const [response, id] = n.wsConnect(url, rest.length > 1 ? rest[0] : undefined);
  if (id === undefined) return response;

  let open = true;
  const handlers = Object.create(null);
  const timers = Object.create(null);
  const emit = (name, ...all) => {
    for (const handler of handlers[name] || []) handler(...all);
  };
  const shut = (code) => {
    if (!open) return;
    open = false;
    const problem = n.wsClose(id, code);
    if (problem) emit('error', failure(problem));
    emit('close', code);
  };
  const told = (problem) => {
    if (problem) emit('error', failure(problem));
  };
  const later = (name, repeats) => (callback, delay) => {
    if (typeof callback !== 'function') throw new TypeError(`the first argument of ${name} must be a function`);
    const time = Number(delay) || 0;
    if (time <= 0) throw new Error(`${name} requires a >0 timeout parameter, received ${time.toFixed(2)}`);
    const timer = n.wsTimer(id, time, repeats);
    timers[timer] = () => {
      if (!repeats) delete timers[timer];
      callback();
    };
  };
  const socket = {
    close: (...all) => shut(all.length === 0 ? 1001 : Math.trunc(Number(all[0])) || 0),
    on: (name, handler) => {
      if (EVENTS.includes(name) && typeof handler === 'function') (handlers[name] ||= []).push(handler);
    },
    ping: () => told(n.wsPing(id)),
    send: (message) => told(n.wsSend(id, message === undefined || message === null ? '' : String(message))),
    sendBinary: (...all) => {
      if (all.length === 0) throw new Error('missing argument, expected ArrayBuffer');
      const [message] = all;
      if (!(message instanceof ArrayBuffer)) {
        const kind = message === undefined || message === null ? String(message) : message.constructor?.name;
        throw new Error(`expected ArrayBuffer as argument, received: ${kind}`);
      }
      told(n.wsSend(id, message));
    },
    setInterval: later('setInterval', true),
    setTimeout: later('setTimeout', false),
  };

  try {
    setUp(socket);
    emit('open');
    while (open) {
      const [kind, value, ...more] = n.wsNext(id);
      if (kind === 'timer') timers[value]?.();
      else if (kind === 'end') {
        if (more[0]) emit('error', failure(...more));
        shut(value);
      }
      else if (value === undefined) emit(kind);
      else emit(kind, value);
    }
  } catch (err) {
    shut(1001);
    throw err;
  } finally {
    n.wsEnd(id);
  }
  return response;
}
export default { connect };
