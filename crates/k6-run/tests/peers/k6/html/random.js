// Pages of tags in no order, the same ones on both engines, and what selectors find in them. Templates and sets
// of frames are not among them: k6 has ways of its own with what is in those.
import { told } from './lib/told.js';
const tags = `p div b i a u em font table tr td th tbody thead tfoot caption colgroup col select option optgroup form input button ul li dl dt dd h1 h2 span nobr pre textarea title script style svg math mi g foreignObject
desc noscript head body html hr br img object applet marquee address center ruby rt rp section details summary main label iframe xmp plaintext`.split(/\s+/);
const selectors = ['*', 'p', 'b i', 'td, th', ':first-child', ':last-of-type', 'div > *', ':not(b):nth-child(2n)', 'a + b, a ~ i', ':has(b)', ':empty', ':contains(x)', '[id=a]', '#b', 'tr td', ':only-child', 'select option', 'form :input'];
// Mulberry32, a generator of numbers that needs no more than one.
let state = 7;
const random = (end) => {
  state = (state + 0x6d2b79f5) | 0;
  let bits = Math.imul(state ^ (state >>> 15), 1 | state);
  bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
  return ((bits ^ (bits >>> 14)) >>> 0) % end;
};
const piece = () => {
  const tag = tags[random(tags.length)];
  return [`<${tag}>`, `<${tag}>`, `<${tag}>`, `</${tag}>`, 'xyz'[random(3)], `<${tag} id=${'abc'[random(3)]}>${random(4) ? '' : '<!--c-->'}`][random(6)];
};
export default function () {
  for (let count = 0; count < 700; count += 1) {
    const page = Array.from({ length: 2 + random(14) }, piece).join('');
    const found = `$(${JSON.stringify(selectors[count % selectors.length])})`;
    const names = `${found}.map((_, it) => it.get(0).nodeName()).join()`;
    const around = ['parents()', 'nextAll()', `prevUntil('b')`, `siblings('p')`, 'children()', `closest('div')`].map((it) => `${found}.${it}.size()`);
    told(page, [`/* ${JSON.stringify(page)} */ [page.html(), ${names}, ${around.join()}]`]);
  }
}
