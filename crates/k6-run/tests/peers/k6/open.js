// A file is read.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
const text = open('./data/words.txt');
const bytes = open('./data/words.txt', 'b');
export const options = { iterations: 1 };
export default function () {
  check(text, { [text.trim().split('\n').join()]: true, bytes: bytes.byteLength === text.length });
}
