// A group returns what its function does, and is left when it throws.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const x = group('g', () => 42);
  try { group('h', () => fail('no')); } catch (e) { /* on purpose */ }
  check(x, { [`${x}`]: true });
}
