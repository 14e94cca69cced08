// Random numbers that repeat.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
import { randomSeed } from 'k6';
export const options = { iterations: 1 };
export default function () {
  randomSeed(7);
  const a = Math.random();
  randomSeed(7);
  check(a, { same: (a) => a === Math.random(), range: (a) => a >= 0 && a < 1 });
}
