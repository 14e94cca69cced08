// A scenario calls what is not there.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { scenarios: { a: { executor: 'per-vu-iterations', exec: 'nothing' } } };
export default function () {}
