// The module `k6/crypto`.
const n = globalThis.__k6;

function hasher(algorithm, ...secret) {
  const parts = [];
  n.digestable(algorithm, ...secret);
  return {
    update: (data) => {
      parts.push(n.bytesOf(data));
    },
    digest: (encoding) => n.digest(algorithm, secret[0], parts, encoding),
  };
}
const once = (algorithm) => (data, encoding) => n.digest(algorithm, undefined, [n.bytesOf(data, algorithm)], encoding);
export const md4 = once('md4');
export const md5 = once('md5');
export const sha1 = once('sha1');
export const sha256 = once('sha256');
export const sha384 = once('sha384');
export const sha512 = once('sha512');
export const sha512_224 = once('sha512_224');
export const sha512_256 = once('sha512_256');
export const ripemd160 = once('ripemd160');
export const createHash = (algorithm) => hasher(algorithm);
export const createHMAC = (algorithm, secret) => hasher(algorithm, secret);
export const hmac = (algorithm, secret, data, encoding) => {
  n.digestable(algorithm, secret);
  return n.digest(algorithm, secret, [n.bytesOf(data)], encoding);
};
export const randomBytes = n.randomBytes;
export const hexEncode = (data) => n.hex(data);
export default { md4, md5, sha1, sha256, sha384, sha512, sha512_224, sha512_256, ripemd160, createHash, createHMAC, hmac, randomBytes, hexEncode };
