// A sudden crowd. Arrivals are given per second and do not wait for answers, so a slow service gets no relief, and what
// could not even be started counts as dropped.
//
//   k6-run scripts/k6/spike.js -e BASE_URL=http://localhost:30007
//   RATE is the height of the spike in requests a second, CALM and SPIKE are seconds.

import { load, number, reachable, within } from './lib/target.js';

const RATE = number('RATE', 40);
const CALM = number('CALM', 30);
const SPIKE = number('SPIKE', 60);

export const options = {
  scenarios: {
    spike: {
      executor: 'ramping-arrival-rate',
      startRate: 2,
      timeUnit: '1s',
      preAllocatedVUs: 20,
      maxVUs: 200,
      stages: [
        { duration: `${CALM}s`, target: 2 },
        { duration: '2s', target: RATE },
        { duration: `${SPIKE}s`, target: RATE },
        { duration: '2s', target: 2 },
        { duration: `${CALM}s`, target: 2 },
      ],
    },
  },
  thresholds: {
    // Slower during the spike is allowed; failing is not.
    http_req_failed: ['rate<0.05'],
    http_req_duration: [within(95, 5000)],
    checks: ['rate>0.95'],
  },
};

export function setup() {
  reachable();
}

export default function () {
  load();
}
