// Options that nobody can mean.
export const options = { vus: 1, other() {} };
export default function () {}
