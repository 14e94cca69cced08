// Does it work at all? One user, ten rounds over every route; no answer may be wrong.
//
//   k6-run scripts/k6/smoke.js -e BASE_URL=http://localhost:30007

import http from 'k6/http';
import { check } from 'k6';
import { BASE_URL, load, reachable, within } from './lib/target.js';

export const options = {
  scenarios: {
    smoke: { executor: 'shared-iterations', vus: 1, iterations: 10, maxDuration: '1m' },
  },
  thresholds: {
    checks: ['rate==1'],
    http_req_failed: ['rate==0'],
    http_req_duration: [within(95, 1000)],
  },
};

export function setup() {
  reachable();
}

export default function () {
  for (const path of ['/', '/health', '/ready', '/version']) {
    const response = http.get(`${BASE_URL}${path}`, { tags: { name: path } });
    check(response, { [`${path} answers 200`]: (r) => r.status === 200 });
  }
  const version = http.get(`${BASE_URL}/version`, { tags: { name: '/version' } }).json();
  check(version, { 'the version is told': (v) => typeof v.version === 'string' && v.version.length > 0 });
  load();
}
