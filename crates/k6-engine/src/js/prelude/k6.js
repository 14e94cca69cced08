// The module `k6`.
const n = globalThis.__k6;
export const check = n.check;
export const sleep = n.sleep;
export const group = n.group;
export const randomSeed = n.randomSeed;
export function fail(message) {
  throw new Error(message === undefined ? '' : String(message));
}
export default { check, fail, group, randomSeed, sleep };
