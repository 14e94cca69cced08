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
    if (typeof name !== 'string' || name === '') throw new TypeError('empty name provided to SharedArray\'s constructor');
    if (typeof make !== 'function') throw new TypeError('a function is expected as the second argument of SharedArray\'s constructor');
    const id = n.sharedArray(name, () => {
      const made = make();
      if (!Array.isArray(made)) throw new TypeError('only arrays can be made into SharedArray');
      return made.map((one) => JSON.stringify(one) ?? 'null');
    });
    return shared(id);
  }
}
export default { SharedArray };
