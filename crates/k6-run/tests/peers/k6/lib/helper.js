// A module of its own.
export const twice = (n) => 2 * n;
export default { name: 'helper' };
