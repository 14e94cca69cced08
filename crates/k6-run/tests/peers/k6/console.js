// Messages.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  console.log('a', { b: 1 }, [2], null, undefined, true);
  console.error('e'); console.warn('w'); console.info('i'); console.debug('d');
}
