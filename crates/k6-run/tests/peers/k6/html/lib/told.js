// What a page says becomes names of checks, which both engines must have alike.
import { parseHTML } from 'k6/html';
import { check } from 'k6';

function show(value, depth = 0) {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'function';
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value);
  if (Array.isArray(value)) return `[${value.map((one) => show(one, depth + 1)).join(', ')}]`;
  if (typeof value.serializeArray === 'function') return `${value.size()} selected: ${value.get().map((one) => show(one, depth + 1)).join(' ')}`;
  if (typeof value.nodeName === 'function') {
    const inner = value.nodeType() === 1 ? value.innerHTML() : value.nodeValue();
    return `<${value.nodeName()} ${value.nodeType()}${value.id() && ` #${value.id()}`}>${String(inner).slice(0, 40)}`;
  }
  if (depth > 2) return '{…}';
  return `{${Object.keys(value).sort().map((key) => `${key}: ${show(value[key], depth + 1)}`).join(', ')}}`;
}

// What came to the server.
const sent = (answer) => {
  const came = answer.status === 200 && answer.url.includes('/echo') ? JSON.parse(answer.body) : {};
  return [answer.status, answer.url, came.method, came.body, came.headers && came.headers['content-type'], came.headers && came.headers['x-own']];
};

// Checks what each expression gives in a page, where `$` finds in it. In the page of an answer, `answer` is that.
export function told(html, expressions) {
  const answer = typeof html === 'string' ? undefined : html;
  const page = answer === undefined ? parseHTML(html) : answer.html();
  const find = (selector) => page.find(selector);
  for (const expression of expressions) {
    let said;
    try {
      said = show(new Function('$', 'page', 'parseHTML', 'answer', 'sent', `return ${expression};`)(find, page, parseHTML, answer, sent));
    } catch (err) {
      // Where in the script it was thrown is written in two ways.
      said = `throws ${err.name}${err.name === 'GoError' ? `: ${err.message.replace(/ at .*/, '')}` : ''}`;
    }
    check(null, { [`${expression} is ${said}`.replace(/::/g, '.:').replaceAll(__ENV.BASE_URL, 'BASE')]: true });
  }
}
