// How much can it take? The rate climbs until answers fail or get slow; then the run stops itself. The rate reached is
// the finding, so an aborted run is the expected end.
//
//   k6-run scripts/k6/breakpoint.js -e BASE_URL=http://localhost:30007
//   RATE is the highest rate to try, CLIMB the seconds it takes to get there.

import { load, number, reachable, within } from './lib/target.js';

const RATE = number('RATE', 200);
const CLIMB = number('CLIMB', 600);

export const options = {
  scenarios: {
    breakpoint: {
      executor: 'ramping-arrival-rate',
      startRate: 1,
      timeUnit: '1s',
      preAllocatedVUs: 20,
      maxVUs: 500,
      stages: [{ duration: `${CLIMB}s`, target: RATE }],
    },
  },
  thresholds: {
    http_req_failed: [{ threshold: 'rate<0.05', abortOnFail: true, delayAbortEval: '10s' }],
    http_req_duration: [{ threshold: within(95, 3000), abortOnFail: true, delayAbortEval: '10s' }],
  },
};

export function setup() {
  reachable();
}

export default function () {
  load();
}
