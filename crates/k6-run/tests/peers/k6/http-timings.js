// Timings are numbers and add up.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  const t = http.get(`${B}/slow/20`).timings;
  check(t, { sum: (t) => Math.abs(t.duration - t.sending - t.waiting - t.receiving) < 0.001, waiting: (t) => t.waiting >= 19, keys: (t) => Object.keys(t).sort().join() === 'blocked,connecting,duration,looking_up,receiving,sending,tls_handshaking,waiting' });
}
