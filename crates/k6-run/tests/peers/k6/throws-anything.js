// What is thrown need not be an error; promises may be broken, or never kept.
import { told, throws, said } from './lib/told.js';
import { check } from 'k6';
export const options = { iterations: 12 };
const circle = {};
circle.circle = circle;
const all = [undefined, null, 5, 'text', true, Symbol('s'), { a: 1 }, circle, [1, 2], new Error('an error'), 10n, () => 1];
export default async function () {
  check(null, { begins: true });
  if (__ITER % 2 === 0) Promise.reject(new Error('nobody listens'));
  throw all[__ITER];
}
