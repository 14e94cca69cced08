// The module `k6/metrics`.
const n = globalThis.__k6;

class Metric {
  #id;
  constructor(kind, name, isTime) {
    this.#id = n.metric(kind, name, isTime === true);
    const id = this.#id;
    Object.defineProperty(this, 'name', { value: name, enumerable: true });
    this.add = (...given) => n.addSample(id, ...given);
  }
}
export class Counter extends Metric {
  constructor(name, isTime) {
    super('counter', name, isTime);
  }
}
export class Gauge extends Metric {
  constructor(name, isTime) {
    super('gauge', name, isTime);
  }
}
export class Rate extends Metric {
  constructor(name, isTime) {
    super('rate', name, isTime);
  }
}
export class Trend extends Metric {
  constructor(name, isTime) {
    super('trend', name, isTime);
  }
}
export default { Counter, Gauge, Rate, Trend };
