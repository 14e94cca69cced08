// Users who rest.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { vus: 2, duration: '1s' };
export default function () {
  sleep(0.25);
}
