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
// Tags and metadata of the virtual user's samples, as objects.
const marks = (kind) =>
  new Proxy({}, {
    get: (target, key) => (typeof key === 'string' ? n.getMark(kind, key) : undefined),
    set: (target, key, value) => {
      n.setMark(kind, String(key), value);
      return true;
    },
    deleteProperty: (target, key) => {
      n.removeMark(kind, String(key));
      return true;
    },
    has: (target, key) => n.getMark(kind, String(key)) !== undefined,
    ownKeys: () => n.markNames(kind),
    getOwnPropertyDescriptor: (target, key) => {
      const value = n.getMark(kind, String(key));
      return value === undefined ? undefined : { value, enumerable: true, configurable: true, writable: true };
    },
  });
const tags = marks('tag');
const metadata = marks('metadata');
const once = (value) => ({
  enumerable: true,
  get: () => {
    n.inRun();
    return value;
  },
  // As in k6, where an assignment changes nothing.
  set: () => {},
});
const metrics = Object.defineProperties({}, { tags: { enumerable: true, value: tags }, metadata: { enumerable: true, value: metadata } });
Object.defineProperties(vu, { tags: once(tags), metrics: once(metrics) });
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
