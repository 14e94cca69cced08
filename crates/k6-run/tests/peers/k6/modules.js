// Local modules.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
import { twice } from './lib/helper.js';
import helper from './lib/helper.js';
export const options = { iterations: 1 };
export default function () {
  check(null, { [`${twice(4)} ${helper.name}`]: true });
}
