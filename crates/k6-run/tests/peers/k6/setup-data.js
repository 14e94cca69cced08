// setup returns what the others get.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export function setup() { http.get(`${B}/echo`); return { a: 1 }; }
export default function (data) { check(data, { [JSON.stringify(data)]: true }); }
export function teardown(data) { check(data, { down: (d) => d.a === 1 }); http.get(`${B}/echo`); }
