// The module `k6/metrics`.
const n = globalThis.__k6;

class Metric {
  #id;
  constructor(kind, name, isTime) {
    this.#id = n.metric(kind, name, isTime === true);
    this.name = name;
    const id = this.#id;
    this.add = (value, tags) => n.addSample(id, value, tags);
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
