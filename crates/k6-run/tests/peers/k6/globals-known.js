// Which names there are without an import.
import { told, throws, said } from './lib/told.js';
export const options = { iterations: 1 };
export default function () {
  const known = ['__ENV', '__VU', '__ITER', 'console', 'open', 'require', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'eval', 'Function', 'Date', 'Map', 'Set', 'WeakMap', 'WeakSet', 'Promise', 'Proxy', 'Reflect', 'Symbol', 'BigInt', 'DataView', 'ArrayBuffer', 'Uint8Array', 'Float64Array', 'AggregateError', 'escape', 'unescape', 'encodeURIComponent', 'globalThis', 'JSON', 'Math'];
  const absent = ['URL', 'URLSearchParams', 'TextEncoder', 'TextDecoder', 'structuredClone', 'atob', 'btoa', 'fetch', 'setImmediate', 'Buffer', 'process', 'window', 'self', 'Intl', 'WebAssembly', 'WeakRef', 'FinalizationRegistry', 'ReadableStream', 'WebSocket', 'Headers', 'Blob', 'FormData', 'AbortController', 'Event', 'EventTarget', 'DOMException', 'navigator'];
  for (const name of [...known, ...absent]) told(name, () => typeof globalThis[name]);
}
