// Variables of the environment.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  check(__ENV, { base: (e) => e.BASE_URL === B, missing: (e) => e.NOT_THERE === undefined });
}
