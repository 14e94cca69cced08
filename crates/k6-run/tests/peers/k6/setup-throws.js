// setup throws.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export function setup() { throw new Error('no'); }
export default function () { http.get(B); }
