// The script throws while it is loaded.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
throw new Error('no');
export default function () {}
