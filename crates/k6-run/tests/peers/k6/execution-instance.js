// What is known of this instance and its scenario while they go on, and at their ends.
import exec from 'k6/execution';
import http from 'k6/http';
import { sleep } from 'k6';
import { told, throws, said } from './lib/told.js';
export const options = {
  scenarios: { a: { executor: 'per-vu-iterations', vus: 1, iterations: 3 }, b: { executor: 'constant-vus', vus: 1, duration: '1s', gracefulStop: '0s', startTime: '2s', exec: 'slow' } },
  noVUConnectionReuse: true, teardownTimeout: '20s', summaryTimeUnit: 's', noCookiesReset: true, userAgent: 'own/1', insecureSkipTLSVerify: true,
};
const numbers = () => [exec.instance.iterationsCompleted, exec.instance.iterationsInterrupted, exec.instance.vusActive, exec.instance.vusInitialized];
export function setup() {
  told('before', () => numbers());
}
export default function () {
  told('numbers', () => numbers());
  told('scenario', () => [exec.scenario.progress >= 0 && exec.scenario.progress <= 1, exec.instance.currentTestRunDuration > 0, exec.scenario.startTime > 1.7e12, exec.scenario.iterationInInstance, exec.scenario.iterationInTest]);
  told('a server', () => { const r = http.get(`${__ENV.BASE_URL}/echo`); return [r.remote_port === Number(__ENV.BASE_URL.split(':')[2]), r.remote_ip, r.json('headers.user-agent')]; });
}
export function slow() {
  told('slow', () => numbers());
  sleep(30);
}
