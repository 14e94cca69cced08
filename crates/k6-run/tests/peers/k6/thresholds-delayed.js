// A threshold that may end the run only later than it goes on.
import { sleep, check } from 'k6';
export const options = { vus: 1, iterations: 5, thresholds: { checks: [{ threshold: 'rate>0.5', abortOnFail: true, delayAbortEval: '1m' }] } };
export default function () {
  check(1, { no: false });
  sleep(0.7);
}
