// The global `crypto`: random identifiers and values, the same by no seed.
import { randomSeed, check } from 'k6';
import { randomBytes } from 'k6/crypto';
export const options = { iterations: 1 };

const told = (name, make) => {
  let made;
  try {
    made = make();
  } catch (e) {
    made = `threw ${e.name}: ${e.message}`;
  }
  check(made, { [`${name}: ${made}`]: () => true });
};
const identifier = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const early = crypto.randomUUID();

export default function () {
  told('its type', () => typeof crypto);
  told('its names', () => Object.keys(crypto).join());
  told('while loading', () => identifier.test(early));
  told('an identifier', () => identifier.test(crypto.randomUUID(1)));
  told('another', () => crypto.randomUUID() !== crypto.randomUUID());
  for (const Numbers of [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array]) {
    told(Numbers.name, () => {
      const numbers = new Numbers(32);
      return crypto.getRandomValues(numbers) === numbers && numbers.some((it) => it !== 0);
    });
  }
  told('large integers', () => crypto.getRandomValues(new BigInt64Array(2)));
  told('a view', () => crypto.getRandomValues(new DataView(new ArrayBuffer(4))));
  told('a buffer', () => crypto.getRandomValues(new ArrayBuffer(4)));
  told('a list', () => crypto.getRandomValues([1, 2]));
  told('null', () => crypto.getRandomValues(null));
  told('a text', () => crypto.getRandomValues('abc'));
  told('the most', () => crypto.getRandomValues(new Uint8Array(65536)).length);
  told('more', () => crypto.getRandomValues(new Uint8Array(65537)).length);
  told('wide ones', () => crypto.getRandomValues(new Uint32Array(16385)).length);
  told('none', () => crypto.getRandomValues(new Uint8Array(0)).length);
  told('a part', () => {
    const all = new Uint8Array(64);
    crypto.getRandomValues(all.subarray(16, 48));
    return [all.slice(0, 16), all.slice(16, 48), all.slice(48)].map((it) => it.some((one) => one !== 0)).join();
  });
  told('alone', () => {
    const { getRandomValues, randomUUID } = crypto;
    return randomUUID().length + getRandomValues(new Uint8Array(4)).length;
  });
  told('a seed', () => {
    const all = [0, 0].map(() => {
      randomSeed(42);
      return [crypto.randomUUID(), new Uint8Array(randomBytes(16)).join(), crypto.getRandomValues(new Uint8Array(16)).join()];
    });
    return all[0].map((it, place) => it === all[1][place]).join();
  });
  told('set', () => {
    crypto.mine = 1;
    return crypto.mine;
  });
}
