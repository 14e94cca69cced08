// A name that is none.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
import { Counter } from 'k6/metrics';
new Counter('with space');
export default function () {}
