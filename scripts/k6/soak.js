// A steady load for a long time: leaks, restarts and an autoscaler that flaps show here.
//
//   k6-run scripts/k6/soak.js -e BASE_URL=http://localhost:30007
//   RATE is in requests a second, DURATION how long.

import { load, number, reachable, within } from './lib/target.js';

const RATE = number('RATE', 5);

export const options = {
  scenarios: {
    soak: {
      executor: 'constant-arrival-rate',
      rate: RATE,
      timeUnit: '1s',
      duration: __ENV.DURATION || '30m',
      preAllocatedVUs: Math.max(5, RATE),
      maxVUs: 10 * RATE,
    },
  },
  thresholds: {
    checks: ['rate>0.999'],
    http_req_failed: ['rate<0.001'],
    http_req_duration: [within(95, 500), within(99, 1500)],
  },
};

export function setup() {
  reachable();
}

export default function () {
  load();
}
