// Timers are waited for.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  setTimeout(() => { check(1, { later: true }); }, 50);
  const t = setTimeout(() => { check(1, { never: true }); }, 50);
  clearTimeout(t);
  let n = 0;
  const i = setInterval(() => { n += 1; if (n === 3) { clearInterval(i); check(n, { [`${n} times`]: true }); } }, 10);
}
