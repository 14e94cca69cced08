// The options of the run, with what was left out as null.
import exec from 'k6/execution';
import { sleep } from 'k6';
import { told, throws, said } from './lib/told.js';
const once = { startTime: '100ms', gracefulStop: '0s', env: { A: '1' }, tags: { a: 'b' } };
export const options = {
  scenarios: {
    shared: { executor: 'shared-iterations', ...once },
    each: { executor: 'per-vu-iterations', maxDuration: 2000 },
    constant: { executor: 'constant-vus', vus: 1, duration: '1s', exec: 'none' },
    ramp: { executor: 'ramping-vus', startVUs: 0, stages: [{ duration: '0s', target: 1 }, { duration: 1000, target: 1 }], gracefulRampDown: '1s', exec: 'none' },
    rate: { executor: 'constant-arrival-rate', rate: 1, timeUnit: '10s', duration: '1s', preAllocatedVUs: 1, exec: 'none' },
    climb: { executor: 'ramping-arrival-rate', startRate: 1, timeUnit: '1m', stages: [{ target: 1, duration: '1s' }], preAllocatedVUs: 1, maxVUs: 2, exec: 'none' },
  },
  thresholds: { iterations: ['count>0', { threshold: 'count>0', abortOnFail: true, delayAbortEval: '1m' }] },
  setupTimeout: 5000, minIterationDuration: '1ms', rps: 1000, userAgent: 'x', hosts: { 'a.test': '127.0.0.1' }, blockHostnames: ['*.b.test'], blacklistIPs: ['10.0.0.0/8'],
  summaryTrendStats: ['avg', 'p(99)'], tlsVersion: 'tls1.2', noConnectionReuse: true, tags: { run: 'x' }, ext: { one: 1 }, systemTags: ['scenario', 'check', 'group'],
};
export default function () {
  if (exec.scenario.name !== 'shared') return;
  for (const [name, value] of Object.entries(exec.test.options)) if (name !== 'consoleOutput') told(name, () => value);
}
export function none() {
  sleep(1.2);
}
