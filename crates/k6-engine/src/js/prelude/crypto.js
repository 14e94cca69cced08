// The module `k6/crypto`.
const n = globalThis.__k6;
const algorithms = ['md5', 'sha1', 'sha256', 'sha384', 'sha512', 'sha512_224', 'sha512_256', 'ripemd160'];

class Hasher {
  #algorithm;
  #secret;
  #parts = [];
  constructor(algorithm, secret) {
    if (!algorithms.includes(algorithm)) throw new Error(`invalid algorithm: ${algorithm}`);
    this.#algorithm = algorithm;
    this.#secret = secret;
  }
  update(data) {
    this.#parts.push(typeof data === 'string' ? n.bytes(data) : data);
  }
  digest(encoding) {
    return n.digest(this.#algorithm, this.#secret, this.#parts, encoding);
  }
}
const once = (algorithm) => (data, encoding) => n.digest(algorithm, undefined, [data], encoding);
export const md5 = once('md5');
export const sha1 = once('sha1');
export const sha256 = once('sha256');
export const sha384 = once('sha384');
export const sha512 = once('sha512');
export const sha512_224 = once('sha512_224');
export const sha512_256 = once('sha512_256');
export const ripemd160 = once('ripemd160');
export const createHash = (algorithm) => new Hasher(algorithm, undefined);
export const createHMAC = (algorithm, secret) => new Hasher(algorithm, secret);
export function hmac(algorithm, secret, data, encoding) {
  if (!algorithms.includes(algorithm)) throw new Error(`invalid algorithm: ${algorithm}`);
  return n.digest(algorithm, secret, [data], encoding);
}
export function randomBytes(size) {
  if (!(Number(size) >= 1)) throw new Error('invalid size');
  return n.randomBytes(Number(size));
}
export function hexEncode(data) {
  return n.hex(data);
}
export default { md5, sha1, sha256, sha384, sha512, sha512_224, sha512_256, ripemd160, createHash, createHMAC, hmac, randomBytes, hexEncode };
