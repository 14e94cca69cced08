// The global `crypto`, but for what works with keys.
const n = globalThis.__k6;
const integers = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array];
const failed = (message) => Object.assign(new Error(message), { name: 'GoError' });
const foreign = (name) => ({
  get() {
    throw new Error(`crypto.${name} is not built into this engine: it needs the real k6`);
  },
  enumerable: true,
  configurable: true,
});

function getRandomValues(array) {
  if (array === undefined || array === null) throw new TypeError('Cannot convert undefined or null to object');
  if (!integers.some((it) => array instanceof it)) throw failed("TypeMismatchError: typedArray parameter isn't a TypedArray instance");
  if (array.length > 65536) throw failed('QuotaExceededError: typedArray parameter is too big; maximum length is 65536');
  if (array.length > 0) new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(new Uint8Array(n.randomBytes(array.byteLength)));
  return array;
}

function randomUUID() {
  return n.uuid();
}

const crypto = Object.defineProperties({ getRandomValues, randomUUID }, { subtle: foreign('subtle'), CryptoKey: foreign('CryptoKey') });
Object.defineProperty(globalThis, 'crypto', { value: crypto, writable: true, configurable: true, enumerable: false });
