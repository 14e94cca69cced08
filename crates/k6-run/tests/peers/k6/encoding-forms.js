// Base64 of every kind, and what is none.
import encoding from 'k6/encoding';
import { told, throws, said } from './lib/told.js';
export const options = { iterations: 1 };
const bytes = (...all) => new Uint8Array(all);
export default function () {
  const { b64encode, b64decode } = encoding;
  for (const kind of [undefined, 'std', 'rawstd', 'url', 'rawurl', 'other', '']) {
    told(`${kind} encoded`, () => [b64encode('hé?>~~', kind), b64encode(bytes(255, 254, 253).buffer, kind), b64encode(bytes(97), kind), b64encode('', kind)]);
    for (const text of ['aGk/', 'aGk_', 'aA==', 'aA', '!!!!', 'aG\nk=', '//79', '', 'aB==']) told(`${kind} decoded ${text.trim()}`, () => { try { return [b64decode(text, kind, 's'), b64decode(text, kind)]; } catch { return 'throws'; } });
    told(`${kind} other output`, () => b64decode('aGk=', kind === 'rawstd' || kind === 'rawurl' ? 'std' : kind, 'x'));
  }
  for (const [name, data] of Object.entries({ number: 5, nothing: null, missing: undefined, object: {} })) told(name, () => b64encode(data));
}
