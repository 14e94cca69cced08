// Options that nobody can mean.
export const options = { scenarios: { a: { executor: 'shared-iterations', env: { A: 1 } } } };
export default function () {}
