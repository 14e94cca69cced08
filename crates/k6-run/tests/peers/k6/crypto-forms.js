// Hashes in every form of data and output, and what is none.
import crypto from 'k6/crypto';
import { told, throws, said } from './lib/told.js';
const bytes = (text) => new Uint8Array([...text].map((it) => it.charCodeAt(0)));
export const options = { iterations: 1 };
export default function () {
  for (const name of ['md4', 'md5', 'sha1', 'sha256', 'sha384', 'sha512', 'sha512_224', 'sha512_256', 'ripemd160']) {
    for (const output of ['hex', 'base64', 'base64url', 'base64rawurl', 'binary', 'other', undefined]) told(`${name} ${output}`, () => crypto[name]('héy', output));
    told(`${name} hmac`, () => [crypto.hmac(name, 'key', 'data', 'hex'), crypto.hmac(name, bytes('key').buffer, bytes('data'), 'base64')]);
    told(`${name} in parts`, () => { const h = crypto.createHash(name); h.update('a'); h.update(bytes('b').buffer); return [h.digest('hex'), h.digest('base64')]; });
    told(`${name} hmac in parts`, () => { const h = crypto.createHMAC(name, 'k'); h.update('a'); return h.digest('hex'); });
  }
  for (const [name, data] of Object.entries({ number: 5, nothing: null, list: [97, 98], object: {}, flag: true, view: bytes('abc') })) {
    told(`md5 of ${name}`, () => crypto.md5(data, 'hex'));
    told(`update with ${name}`, () => crypto.createHash('md5').update(data));
    told(`hex of ${name}`, () => crypto.hexEncode(data));
  }
  told('hmac with another name', () => crypto.hmac('sha224', 'key', 'data', 'hex'));
  told('hmac without a key', () => crypto.hmac('sha256', null, 'x', 'hex'));
  told('hmac with an empty key', () => crypto.hmac('sha256', '', 'x', 'hex'));
  told('a digest goes on', () => { const h = crypto.createHash('md5'); h.update('a'); h.digest('hex'); h.update('b'); return h.digest('hex'); });
  told('update returns', () => crypto.createHash('md5').update('a'));
  for (const size of [5, 1.5, '3', 0, -1, null, undefined, NaN, 'x']) told(`random ${String(size)}`, () => crypto.randomBytes(size).byteLength);
}
