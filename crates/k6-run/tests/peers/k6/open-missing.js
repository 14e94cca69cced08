// A file that is not there.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
open('./data/nothing.txt');
export default function () {}
