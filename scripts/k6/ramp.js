// More and more users, a plateau, and back: shows at which load each replica is added, and how scaling in follows.
//
//   k6-run scripts/k6/ramp.js -e BASE_URL=http://localhost:30007
//   VUS is the plateau, STEP the length of one stage in seconds.

import { number, reachable, visit, within } from './lib/target.js';

const VUS = number('VUS', 20);
const STEP = number('STEP', 60);

export const options = {
  scenarios: {
    ramp: {
      executor: 'ramping-vus',
      startVUs: 1,
      stages: [
        { duration: `${STEP}s`, target: Math.ceil(VUS / 2) },
        { duration: `${STEP}s`, target: VUS },
        { duration: `${2 * STEP}s`, target: VUS },
        { duration: `${STEP}s`, target: 1 },
      ],
      gracefulRampDown: '5s',
    },
  },
  thresholds: {
    checks: ['rate>0.99'],
    http_req_failed: ['rate<0.01'],
    http_req_duration: [within(95, 1500)],
  },
};

export function setup() {
  reachable();
}

export default function () {
  visit();
}
