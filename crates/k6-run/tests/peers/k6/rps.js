// How many requests there may be in a second.
import http from 'k6/http';
import { check } from 'k6';
export const options = { vus: 1, iterations: 6, rps: 10 };
export function setup() { return Date.now(); }
export default function (began) {
  http.get(`${__ENV.BASE_URL}/text`);
  if (__ITER === 5) check(Date.now() - began, { 'takes its time': (it) => it > 300 });
}
