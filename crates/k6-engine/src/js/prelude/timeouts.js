// The global timers.
const n = globalThis.__k6;
const hidden = (name, value) => Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
const timers = Object.create(null);
let last = 0;
const start = (repeat) => (callback, delay, ...args) => {
  if (typeof callback !== 'function') throw new TypeError(`${repeat ? 'setInterval' : 'setTimeout'}'s callback isn't a callable function`);
  const id = ++last;
  const fire = () => {
    if (!timers[id]) return;
    if (repeat) n.timer(Number(delay) || 0, fire);
    else delete timers[id];
    callback(...args);
  };
  timers[id] = true;
  n.timer(Number(delay) || 0, fire);
  return id;
};
const stop = (id) => {
  delete timers[id];
};
hidden('setTimeout', start(false));
hidden('setInterval', start(true));
hidden('clearTimeout', stop);
hidden('clearInterval', stop);
