// The module `k6/execution`: what is known of the run from within.
const n = globalThis.__k6;
const part = (name, keys) => {
  const object = {};
  for (const key of keys) Object.defineProperty(object, key, { enumerable: true, get: () => n.exec(name, key) });
  return object;
};
const instance = part('instance', ['currentTestRunDuration', 'iterationsCompleted', 'iterationsInterrupted', 'vusActive', 'vusInitialized']);
const scenario = part('scenario', ['name', 'executor', 'startTime', 'progress', 'iterationInInstance', 'iterationInTest']);
const vu = part('vu', ['iterationInInstance', 'iterationInScenario', 'idInInstance', 'idInTest']);
const tags = new Proxy({}, {
  get: (target, key) => (typeof key === 'string' ? n.getTag(key) : undefined),
  set: (target, key, value) => {
    if (!['string', 'number', 'boolean'].includes(typeof value)) throw new TypeError(`only String, Boolean and Number types are accepted as a Tag value`);
    n.setTag(String(key), String(value));
    return true;
  },
  deleteProperty: (target, key) => {
    n.setTag(String(key), undefined);
    return true;
  },
  has: (target, key) => n.getTag(key) !== undefined,
  ownKeys: () => n.tagNames(),
  getOwnPropertyDescriptor: (target, key) => ({ value: n.getTag(key), enumerable: true, configurable: true, writable: true }),
});
Object.defineProperty(vu, 'tags', { enumerable: true, get: () => tags, set: () => { throw new TypeError('vu.tags is read-only'); } });
const metadata = {};
Object.defineProperty(vu, 'metrics', { enumerable: true, value: { tags, metadata } });
const test = {
  abort(reason) {
    n.abort(reason === undefined ? '' : String(reason));
  },
  fail(reason) {
    n.failTest(reason === undefined ? '' : String(reason));
  },
};
Object.defineProperty(test, 'options', { enumerable: true, get: () => JSON.parse(n.optionsJson()) });
export { instance, scenario, vu, test };
export default { instance, scenario, vu, test };
