// Functions that are called with what was selected.
import { told } from './lib/told.js';
const page = `<div id=a>one</div><div id=b>two</div><div id=c>three<div id=d>four</div></div>`;
const within = (body) => `(() => { const seen = []; ${body}; return seen; })()`;
export default function () {
  told(page, [
    within(`seen.push($('div').each((place, it) => { seen.push(place, it); return false; }).size())`),
    within(`$('div').each(function () { seen.push(arguments.length, typeof this); })`),
    within(`$('div').each((place, it) => { seen.push(it.selection().end()); })`),
    within(`$('div').map((place, it) => { seen.push(it, it.end()); })`),
    within(`$('div').map(function () { seen.push(arguments.length, typeof this); })`),
    within(`$('div').filter(function () { seen.push(arguments.length, typeof this); })`),
    within(`$('nothing').each(() => seen.push(1)); $('nothing').map(() => seen.push(1)); $('nothing').filter(() => seen.push(1))`),
    `$('div').map((place, it) => it.attr('id'))`, `$('div').map((place, it) => it)`, `$('div').map((place) => (place === 1 ? null : place))`, `$('div').map(() => undefined)`, `$('div').map((place, it) => [place, it.text()])`,
    `$('div').map((place) => { if (place === 1) throw new Error('no'); return place; })`, `$('div').map((place, it) => it.id())`,
    `$('div').filter((place, it) => it.text() === 'two')`, `$('div').filter((place) => place > 1)`, `$('div').filter(() => 'x')`, `$('div').filter(() => '')`, `$('div').filter(() => 1).end()`,
    `$('div').not((place, it) => it.text() === 'two')`, `$('div').not((place) => place)`,
    `$('div').is((place, it) => it.text() === 'two')`, `$('div').is(() => 0)`, `$('div').is(() => 'x')`,
    ...['each', 'map', 'filter', 'not', 'is'].map((name) => `$('div').${name}(() => { throw new RangeError('no'); })`),
    `$('div').each(() => { throw 5; })`,
    ...['', 'null', '5', `'x'`].flatMap((given) => [`$('div').each(${given})`, `$('div').map(${given})`]),
  ]);
}
