// The global `console`.
const n = globalThis.__k6;
const show = (value) => {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return String(value);
  if (typeof value === 'function') return 'null';
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
