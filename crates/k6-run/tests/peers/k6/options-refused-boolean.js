// Options that nobody can mean.
export const options = { throw: 1 };
export default function () {}
