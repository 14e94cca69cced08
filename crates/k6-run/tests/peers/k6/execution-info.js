// What is known of the run.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
import exec from 'k6/execution';
export const options = { iterations: 2 };
export default function () {
  check(exec, { [`${exec.scenario.name} ${exec.scenario.executor} ${exec.scenario.iterationInTest} ${exec.vu.idInTest} ${exec.vu.iterationInScenario} ${exec.vu.iterationInInstance}`]: true, active: (e) => e.instance.vusActive === 1, started: (e) => e.scenario.startTime > 1.7e12 });
}
