// Scenarios beside each other.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { scenarios: { a: { executor: 'per-vu-iterations', vus: 2, iterations: 2, exec: 'one', tags: { t: 'a' } }, b: { executor: 'shared-iterations', vus: 1, iterations: 3, exec: 'two', env: { MINE: 'b' }, startTime: '500ms' } } };
export function one() { http.get(`${B}/echo`); check(1, { one: true }); }
export function two() { check(__ENV, { [`mine ${__ENV.MINE}`]: true }); }
