// Options that nobody can mean.
export const options = { tags: { a: 1 } };
export default function () {}
