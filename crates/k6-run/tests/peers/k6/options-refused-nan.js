// Options that nobody can mean.
export const options = { vus: NaN };
export default function () {}
