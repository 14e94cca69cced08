// Hashes.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
import crypto from 'k6/crypto';
export const options = { iterations: 1 };
export default function () {
  for (const h of ['md5', 'sha1', 'sha256', 'sha384', 'sha512', 'sha512_224', 'sha512_256', 'ripemd160']) {
    check(null, { [`${h} ${crypto[h]('hello', 'hex')} ${crypto.hmac(h, 'key', 'data', 'base64')}`]: true });
  }
  const s = crypto.createHash('sha256');
  s.update('a'); s.update('b');
  check(null, { [s.digest('hex')]: true, [crypto.createHMAC('sha1', 'k').digest('base64rawurl')]: true, random: crypto.randomBytes(8).byteLength === 8 });
}
