// Tells what an expression comes to as the name of a check, so that the engines can be compared.
import { check } from 'k6';
const order = (key, value) => {
  if (value instanceof ArrayBuffer) return ['bytes', ...new Uint8Array(value)];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort((a, b) => (a[0] < b[0] ? -1 : 1)));
};
// What of it depends on the run and the engine, and not on what is compared.
const bare = (text) =>
  text
    .split(__ENV.BASE_URL).join('BASE')
    .split(__ENV.BASE_URL.replace('http://', '')).join('HOST')
    .replace(/(Grafana k6|k6-run)\/[\d.]+/g, 'AGENT')
    .split('\\u0026').join('&').split('\\u003c').join('<').split('\\u003e').join('>')
    .split('::').join(': :');
export function said(name, make) {
  try {
    return bare(`${name} ${JSON.stringify(make(), order)}`);
  } catch (err) {
    return bare(`${name} throws ${String(err).split('\n')[0]}`);
  }
}
export function told(name, make) {
  check(null, { [said(name, make)]: true });
}
// Of an exception only that there is one: the words are those of the JavaScript engine.
export function throws(name, make) {
  const thrown = said(name, make);
  check(null, { [thrown.includes(' throws ') ? `${name} throws` : thrown]: true });
}
