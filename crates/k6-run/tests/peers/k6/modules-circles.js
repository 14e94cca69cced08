// Modules that import each other, and themselves.
import { here as self, both } from './lib/circle.js';
import * as own from './modules-circles.js';
import { told, throws, said } from './lib/told.js';
export const options = { iterations: 1 };
export const here = 'here';
export default function () {
  told('circle', () => [self, both(), own.here]);
}
