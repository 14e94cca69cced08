// A request while the script is loaded is refused.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
http.get(B);
export default function () {}
