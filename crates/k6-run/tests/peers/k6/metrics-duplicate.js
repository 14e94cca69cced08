// A name for two kinds.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
import { Counter, Rate } from 'k6/metrics';
new Counter('same');
new Rate('same');
export default function () {}
