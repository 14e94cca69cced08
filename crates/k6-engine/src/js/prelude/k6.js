// The module `k6`.
const n = globalThis.__k6;
export const check = n.check;
export const sleep = n.sleep;
export const group = n.group;
export const randomSeed = n.randomSeed;
export const fail = n.fail;
export default { check, fail, group, randomSeed, sleep };
