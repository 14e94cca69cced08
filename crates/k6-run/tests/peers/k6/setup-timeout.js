// setup takes too long.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1, setupTimeout: '1s' };
export function setup() { sleep(5); }
export default function () {}
