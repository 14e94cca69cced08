// The module `k6/data`: arrays that all virtual users share. Each element is kept once, as JSON.
const n = globalThis.__k6;

function freeze(value) {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value;
}

// An array whose elements are made from JSON whenever they are asked for.
function shared(id) {
  const length = n.sharedLength(id);
  const at = (index) => freeze(JSON.parse(n.sharedGet(id, index)));
  const isIndex = (key) => typeof key === 'string' && /^(0|[1-9]\d*)$/.test(key);
  const refuse = () => {
    throw new TypeError('SharedArray is immutable');
  };
  return new Proxy([], {
    get(target, key, receiver) {
      if (key === 'length') return length;
      if (isIndex(key)) return Number(key) < length ? at(Number(key)) : undefined;
      return Reflect.get(target, key, receiver);
    },
    has: (target, key) => (isIndex(key) ? Number(key) < length : key in target),
    ownKeys: () => [...Array(length).keys()].map(String).concat('length'),
    getOwnPropertyDescriptor(target, key) {
      if (key === 'length') return Reflect.getOwnPropertyDescriptor(target, key);
      if (isIndex(key) && Number(key) < length) return { value: at(Number(key)), enumerable: true, configurable: true, writable: false };
      return undefined;
    },
    set: refuse,
    deleteProperty: refuse,
    defineProperty: refuse,
    preventExtensions: refuse,
  });
}
n.sharedProxy = shared;

export class SharedArray {
  constructor(name, make) {
    const failed = (message) => Object.assign(new Error(message), { name: 'GoError' });
    if (typeof make !== 'function') throw failed("a function is expected as the second argument of SharedArray's constructor");
    if (String(name) === '') throw failed("empty name provided to SharedArray's constructor");
    if (make[Symbol.toStringTag] === 'AsyncFunction') throw failed('SharedArray constructor does not support async functions as second argument');
    const id = n.sharedArray(String(name), () => {
      const made = make();
      if (!Array.isArray(made)) throw failed('only arrays can be made into SharedArray');
      return made.map((one) => JSON.stringify(one) ?? 'null');
    });
    return shared(id);
  }
}
export default { SharedArray };
