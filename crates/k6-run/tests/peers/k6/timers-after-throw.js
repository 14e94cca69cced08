// What an iteration that failed still waited for is not the next one's.
import { check } from 'k6';
import http from 'k6/http';
export const options = { iterations: 4 };
export default function () {
  const mine = __ITER;
  setTimeout(() => check(1, { [`timer ${mine === __ITER}`]: true }), 60);
  http.asyncRequest('GET', `${__ENV.BASE_URL}/slow/30`).then(() => check(1, { [`answer ${mine === __ITER}`]: true }));
  setTimeout(() => {
    if (mine % 2 === 0) throw new Error('mine');
  }, 5);
}
