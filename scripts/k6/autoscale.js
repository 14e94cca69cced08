// Ten users for two minutes against /load: enough work for the autoscaler to act on.
//
// With the application's default of 30 CPU milliseconds a request, ten users who rest a second ask for some 290 millicores:
// at a target of 50 % of 100m that is six pods, so dev goes from 1 to its limit of 3, prod from 2 to 6.
//
//   k6-run scripts/k6/autoscale.js -e BASE_URL=http://localhost:30007
//   VUS and DURATION change the size of the run.

import { number, reachable, visit, within } from './lib/target.js';

export const options = {
  vus: number('VUS', 10),
  duration: __ENV.DURATION || '2m',
  thresholds: {
    checks: ['rate>0.99'],
    http_req_failed: ['rate<0.01'],
    http_req_duration: [within(95, 1000)],
  },
};

export function setup() {
  reachable();
}

export default function () {
  visit();
}
