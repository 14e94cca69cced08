// Promises are waited for.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default async function () {
  const x = await new Promise((resolve) => setTimeout(() => resolve(5), 20));
  check(x, { [`${x}`]: true });
}
