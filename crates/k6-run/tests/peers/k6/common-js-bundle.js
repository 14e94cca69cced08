// What a bundle exports is known when it has been run, and modules may require each other in a ring.
import { group } from 'k6';
import { checked, delete as word, twice } from './lib/bundle.js';
import * as all from './lib/bundle.js';
import { early, late } from './lib/ring-one.js';
import { told } from './lib/told.js';
export const options = { vus: 2, iterations: 4 };
export default function () {
  told('names', () => [twice(4), word, all.twice(5)]);
  told('a ring', () => [early, late]);
  told('the same', () => all.checked === checked);
  checked(true, 'its own check');
  group('in a group', () => checked(false, 'its own check'));
}
