// What a specifier means, in this module and in another one.
import { later, where } from './lib/meta.js';
import { said, told } from './lib/told.js';
const here = import.meta.resolve('./');
const short = (address) => address.split(here).join('HERE/');
const names = ['./x.js', './a b.js', '../x.js', '/abs/x', 'file:///abs/y', 'https://example.test/a.js', 'k6/http', 'bare', '', undefined, 5, 'http://example.test/x'];
const all = names.map((name) => said(`of ${name}`, () => short(import.meta.resolve(name)).replace(/^file:.*\//, 'ABOVE/')));
all.push(said('names', () => Object.keys(import.meta)), said('nothing', () => import.meta.resolve()), said('another', () => short(where)), said('opened', () => open(where)));
export const options = { iterations: 1 };
export default function () {
  for (const [place, text] of all.entries()) told(place, () => text);
  told('later', () => [short(import.meta.resolve('./z')), short(later())]);
}
