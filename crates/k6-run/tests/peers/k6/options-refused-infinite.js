// Options that nobody can mean.
export const options = { scenarios: { a: { executor: 'shared-iterations', iterations: Infinity } } };
export default function () {}
