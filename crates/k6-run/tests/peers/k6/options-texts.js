// Numbers of options that are texts, as variables give them, and nothing where they are empty.
import exec from 'k6/execution';
import { sleep } from 'k6';
import { told, throws, said } from './lib/told.js';
export const options = {
  vus: '', batch: '5', batchPerHost: '3', maxRedirects: '4', rps: '500',
  scenarios: {
    shared: { executor: 'shared-iterations', vus: '2', iterations: '4' },
    each: { executor: 'per-vu-iterations', vus: '1', iterations: '3' },
    rate: { executor: 'constant-arrival-rate', rate: '1', timeUnit: '10s', duration: '1s', preAllocatedVUs: '1', maxVUs: '2' },
    ramp: { executor: 'ramping-vus', startVUs: '1', stages: [{ target: '1', duration: '1s' }] },
  },
};
export default function () {
  if (exec.scenario.name === 'ramp') sleep(1.3);
  told(exec.scenario.name, () => { const o = exec.test.options; return [o.batch, o.batchPerHost, o.maxRedirects, o.rps, o.scenarios[exec.scenario.name]]; });
}
