// Scripts put other values in the place of parts of an answer: to free memory, or to read it once.
import http from 'k6/http';
import { check } from 'k6';
export const options = { iterations: 2 };

export default function () {
  const answer = http.get(`${__ENV.BASE_URL}/json`);
  const other = http.get(`${__ENV.BASE_URL}/json`);
  answer.body = null;
  answer.status = 201;
  answer.headers = { 'X-Own': 'mine' };
  answer.error_code = 7;
  answer.url = 'http://elsewhere.test/';
  const told = JSON.parse(JSON.stringify(answer));
  check(answer, {
    'each is what it was set to': (r) => r.body === null && r.status === 201 && r.headers['X-Own'] === 'mine' && r.error_code === 7 && r.url === 'http://elsewhere.test/',
    'and told so': () => told.body === null && told.status === 201 && told.headers['X-Own'] === 'mine',
    'the rest stays': (r) => r.proto === 'HTTP/1.1' && r.timings.duration > 0,
    'so do other answers': () => other.status === 200 && other.body.length > 2 && other.headers['X-Own'] === undefined,
  });
  answer.body = answer.body || 'again';
  check(answer, { 'it can be set again': (r) => r.body === 'again' });
}
