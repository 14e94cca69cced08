// The module `k6/html`. All of it is evaluated when a page is first parsed.
const n = globalThis.__k6;
export const parseHTML = (source) => n.html.parse(source);
export default { parseHTML };
