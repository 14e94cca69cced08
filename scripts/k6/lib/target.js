// What every script here shares: where to send requests, and what a good answer is.
//
//   BASE_URL   the service, default the dev environment's node port
//   LOAD_MS    CPU milliseconds that one /load request burns; empty: the application's own default
//   PAUSE      seconds a virtual user rests after a request, default 1
//   PATIENCE   multiplies every limit on latency, for a slow or busy machine, default 1
//
// The scripts use only what k6 and k6-run have in common.

import http from 'k6/http';
import { check, sleep } from 'k6';

export const BASE_URL = (__ENV.BASE_URL || 'http://localhost:30007').replace(/\/+$/, '');

const LOAD_PATH = __ENV.LOAD_MS ? `/load?ms=${__ENV.LOAD_MS}` : '/load';
const PAUSE = Number(__ENV.PAUSE || 1);

/** Reads a whole number from the environment, and says which name is wrong when it is none. */
export function number(name, fallback) {
  const value = Number(__ENV[name] || fallback);
  if (!Number.isInteger(value) || value < 1) {
    throw new Error(`${name} wants a whole number above 0, not ${__ENV[name]}`);
  }
  return value;
}

/** Returns the threshold that a percentile of the latency stays below so many milliseconds. */
export function within(percentile, milliseconds) {
  return `p(${percentile})<${milliseconds * number('PATIENCE', 1)}`;
}

/** Asks once for CPU work. */
export function load() {
  // One name for all of them, so that a changed LOAD_MS is the same line in a report.
  const response = http.get(`${BASE_URL}${LOAD_PATH}`, { tags: { name: '/load' } });
  check(response, { 'load answers 200': (r) => r.status === 200 });
  return response;
}

/** Asks for CPU work and rests, as the users of the closed model do. */
export function visit() {
  load();
  sleep(PAUSE);
}

/** Stops the run before it starts when there is nothing to test. */
export function reachable() {
  const response = http.get(`${BASE_URL}/ready`, { tags: { name: '/ready' } });
  if (response.status !== 200) {
    throw new Error(`${BASE_URL}/ready answered ${response.status}: is the service up, and BASE_URL right?`);
  }
}
