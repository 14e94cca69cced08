// The script is none.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export default function ( {
