// What every script finds without an import.
(() => {
  const n = globalThis.__k6;
  const show = (value) => {
    if (typeof value === 'string') return value;
    if (value instanceof Error) return String(value);
    if (typeof value === 'object' && value !== null) {
      try {
        return JSON.stringify(value);
      } catch {
        return '[object Object]';
      }
    }
    return String(value);
  };
  const say = (level) => (...args) => n.console(level, args.map(show).join(' '));
  const hidden = (name, value) => Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  hidden('console', { log: say('info'), info: say('info'), debug: say('debug'), warn: say('warning'), error: say('error') });
  Object.defineProperty(globalThis, '__ENV', {
    configurable: true,
    enumerable: false,
    get() {
      const value = JSON.parse(n.env());
      hidden('__ENV', value);
      return value;
    },
  });
  const timers = new Map();
  let last = 0;
  const start = (repeat) => (callback, delay, ...args) => {
    if (typeof callback !== 'function') throw new TypeError(`${repeat ? 'setInterval' : 'setTimeout'}'s callback isn't a callable function`);
    const id = ++last;
    const fire = () => {
      if (!timers.has(id)) return;
      if (repeat) n.timer(Number(delay) || 0, fire);
      else timers.delete(id);
      callback(...args);
    };
    timers.set(id, true);
    n.timer(Number(delay) || 0, fire);
    return id;
  };
  const stop = (id) => {
    timers.delete(id);
  };
  hidden('setTimeout', start(false));
  hidden('setInterval', start(true));
  hidden('clearTimeout', stop);
  hidden('clearInterval', stop);
  hidden('open', n.open);
  hidden('require', n.require);
})();
