// An array that all share.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
import { SharedArray } from 'k6/data';
const data = new SharedArray('numbers', () => [{ n: 1 }, { n: 2 }, { n: 3 }]);
export const options = { vus: 2, iterations: 4 };
export default function () {
  check(data, { [`${data.length} ${data[1].n} ${data.map((x) => x.n).join()}`]: true, frozen: (d) => { try { d[0].n = 9; } catch (e) { return true; } return d[0].n === 1; } });
  let sum = 0;
  for (const x of data) sum += x.n;
  check(sum, { [`sum ${sum}`]: true });
}
