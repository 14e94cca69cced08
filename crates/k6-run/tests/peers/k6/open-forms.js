// Files and modules: from where they are found, and what is none.
import { own, read } from './lib/reads.js';
import { told, throws, said } from './lib/told.js';
const all = [
  said('own', () => own), said('here', () => open('./lib/line.txt')), said('bytes', () => open('lib/line.txt', 'b')), said('other kind', () => open('lib/line.txt', 'x')),
  said('no name', () => open('')), said('null', () => open(null)), said('missing', () => { try { return open('none'); } catch { return 'throws'; } }), said('a folder', () => { try { return open('lib'); } catch { return 'throws'; } }),
  said('common', () => require('./common-js.js') && typeof require('k6/http').get), said('missing module', () => { try { return require('./none.js'); } catch { return 'throws'; } }), said('nothing', () => { try { return require(''); } catch { return 'throws'; } }),
];
export const options = { iterations: 1 };
export default function () {
  for (const [place, text] of all.entries()) told(place, () => text);
  throws('late', () => open('lib/line.txt'));
  throws('late in a module', () => read('line.txt'));
  throws('late require', () => require('k6'));
}
