// Promises, timers and requests that are waited for together.
import http from 'k6/http';
import { setTimeout as later, clearInterval } from 'k6/timers';
import { told, throws, said } from './lib/told.js';
const B = __ENV.BASE_URL;
const early = [said('early', () => typeof setTimeout(() => {}, 1)), said('clear', () => [clearTimeout(99), clearTimeout()])];
export const options = { iterations: 1 };
export default async function () {
  for (const [place, text] of early.entries()) told(place, () => text);
  throws('no function', () => setTimeout(5));
  throws('nothing', () => setTimeout());
  told('the same', () => later === setTimeout);
  const order = [];
  const wait = (millis) => new Promise((done) => setTimeout(() => { order.push(millis); done(millis); }, millis));
  await Promise.all([wait(300), wait(100), wait(200)]);
  told('order', () => order);
  const first = await Promise.race([wait(150), wait(10)]);
  told('first', () => first);
  const any = await Promise.any([Promise.reject(1), Promise.reject(2)]).catch((err) => [err.constructor.name, err.errors]);
  told('any', () => any);
  const settled = await Promise.allSettled([Promise.reject(1), 2]);
  told('settled', () => settled.map((it) => it.status));
  const given = await new Promise((done) => setTimeout((...all) => done(all), 1, 'x', 'y'));
  told('arguments', () => given);
  const r = await http.asyncRequest('GET', `${B}/text`);
  told('answer', () => [r.status, r.body]);
  for (const [name, address] of Object.entries({ none: 'http://x y', refused: 'http://127.0.0.1:1/' })) {
    const failed = await http.asyncRequest('GET', address).then((it) => [it.status, it.error_code], (err) => `throws ${err.name}`);
    told(name, () => failed);
  }
  const [a, b] = await Promise.all([http.asyncRequest('POST', `${B}/echo`, { a: 1 }), http.asyncRequest('GET', `${B}/echo`, null, { headers: { q: 'w' } })]);
  told('two', () => [a.json('body'), b.json('headers.q')]);
  let times = 0;
  await new Promise((done) => { const each = setInterval(() => { times += 1; if (times === 3) { clearInterval(each); done(); } }, 2); });
  told('times', () => times);
}
