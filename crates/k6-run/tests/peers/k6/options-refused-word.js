// Options that nobody can mean.
export const options = { vus: 'many' };
export default function () {}
