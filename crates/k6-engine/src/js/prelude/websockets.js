// The modules `k6/websockets` and `k6/experimental/websockets`: connections beside the script, which
// hears of them through the event loop.
const n = globalThis.__k6;
const EVENTS = ['open', 'message', 'error', 'close', 'ping', 'pong'];
const [CONNECTING, OPEN, CLOSING, CLOSED] = [0, 1, 2, 3];
const bytesOf = new WeakMap();

const isView = (value) => ArrayBuffer.isView(value) && !(value instanceof DataView);

export class Blob {
  constructor(parts = [], options = {}) {
    if (!Array.isArray(parts)) throw new TypeError('the parts of a Blob must be an array');
    const pieces = parts.map((part) => {
      if (part instanceof Blob) return bytesOf.get(part);
      if (part instanceof ArrayBuffer) return new Uint8Array(part);
      if (ArrayBuffer.isView(part)) return new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
      return new Uint8Array(n.bytes(String(part)));
    });
    const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    bytesOf.set(this, whole);
    Object.defineProperties(this, {
      size: { value: whole.length, enumerable: true },
      type: { value: String(options?.type ?? ''), enumerable: true },
    });
  }
  async arrayBuffer() {
    return bytesOf.get(this).slice().buffer;
  }
  async bytes() {
    return bytesOf.get(this).slice();
  }
  async text() {
    return n.text(bytesOf.get(this).slice().buffer);
  }
  slice(start, end, type) {
    return new Blob([bytesOf.get(this).slice(start, end)], { type });
  }
  stream() {
    throw new Error('the streams of a Blob need the real k6');
  }
  get [Symbol.toStringTag]() {
    return 'Blob';
  }
}

// What k6 calls the types that cannot be sent.
function kindOf(value) {
  if (value === undefined || value === null) return '<nil>';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  if (typeof value === 'boolean') return 'bool';
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}';
}

export class WebSocket {
  constructor(url, protocols, params) {
    if (params === null) throw new TypeError('Cannot convert undefined or null to object');
    const offered = Array.isArray(protocols) ? protocols.join(', ') : typeof protocols === 'string' ? protocols : '';
    const listeners = Object.create(null);
    const own = Object.create(null);
    let state = CONNECTING;
    let protocol = '';
    let binaryType = 'blob';
    const dispatch = (type, timestamp, more) => {
      const event = { type, target: this, timestamp, ...more };
      for (const listener of own[type] ? [own[type], ...(listeners[type] || [])] : [...(listeners[type] || [])]) listener(event);
    };
    const hear = (kind, value, timestamp) => {
      if (state === CLOSED && kind !== 'close' && kind !== 'error') return;
      let more;
      if (kind === 'open') {
        protocol = value;
        if (state === CONNECTING) state = OPEN;
      } else if (kind === 'message') {
        const data = typeof value === 'string' || binaryType === 'arraybuffer' ? value : new Blob([value]);
        more = { data, origin: url };
      } else if (kind === 'error') {
        state = CLOSED;
        more = { error: value };
      } else if (kind === 'close') state = CLOSED;
      try {
        dispatch(kind, timestamp, more);
      } catch (err) {
        // As in k6, an exception ends the connection, and then the iteration.
        if (kind !== 'close' && kind !== 'error') {
          n.socketDrop(id);
          state = CLOSED;
          dispatch('error', timestamp, { error: String(err) });
          dispatch('close', timestamp);
        }
        throw err;
      }
    };
    const id = n.socketOpen(hear, url, offered, params);
    const refuseClosed = () => {
      if (state !== OPEN) throw new Error('InvalidStateError');
    };
    const method = (name, value) => Object.defineProperty(this, name, { value, enumerable: true });
    const value = (name, get, set) => Object.defineProperty(this, name, { get, set, enumerable: true });
    method('addEventListener', (type, listener) => {
      if (typeof listener !== 'function') throw new Error(`handler for event type "${type ?? ''}" isn't a callable function`);
      if (EVENTS.includes(type)) (listeners[type] ||= []).push(listener);
      else console.warn(`can't add event handler: unknown event type: ${type}`);
    });
    method('send', (data) => {
      refuseClosed();
      if (typeof data === 'string' || data instanceof ArrayBuffer || isView(data)) n.socketSend(id, data);
      else if (data instanceof Blob) n.socketSend(id, bytesOf.get(data));
      else throw new Error(`unsupported send type ${kindOf(data)}`);
    });
    method('ping', () => {
      refuseClosed();
      n.socketPing(id);
    });
    method('close', (code, reason) => {
      if (state === CLOSING || state === CLOSED) return;
      state = CLOSING;
      n.socketClose(id, code === undefined ? undefined : Math.trunc(Number(code)) || 0, reason);
    });
    method('url', url);
    value('readyState', () => state);
    value('bufferedAmount', () => n.socketBuffered(id));
    value('extensions', () => []);
    value('protocol', () => protocol);
    value('binaryType', () => binaryType, (type) => {
      if (type !== 'blob' && type !== 'arraybuffer') throw new Error(`unknown binaryType ${type}, the supported ones are "blob" and "arraybuffer"`);
      binaryType = type;
    });
    for (const type of ['message', 'error', 'open', 'close', 'ping', 'pong']) {
      value(`on${type}`, () => own[type], (listener) => {
        if (listener === null || listener === undefined) delete own[type];
        else if (typeof listener !== 'function') throw new Error(`a value for 'on${type}' should be callable`);
        else own[type] = listener;
      });
    }
  }
}
export default { WebSocket, Blob };
