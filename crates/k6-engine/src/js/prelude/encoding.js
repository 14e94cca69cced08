// The module `k6/encoding`.
const n = globalThis.__k6;
export const b64encode = (data, kind) => n.b64encode(data, kind || 'std');
export const b64decode = (text, kind, format) => n.b64decode(text, kind || 'std', format || '');
export default { b64encode, b64decode };
