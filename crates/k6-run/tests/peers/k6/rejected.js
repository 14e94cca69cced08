// A promise that is broken is an exception.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default async function () {
  await Promise.reject(new Error('no'));
}
