// Some of what was selected, and more.
import { told } from './lib/told.js';
const page = `<ul id=list><li id=a class="x y">one<li id=b>two<li id=c>three</ul><p id=p>para <b>bold</b> <i>italic</i></p><p id=q>text</p>`;
export default function () {
  told(page, [
    'page', 'page.size()', 'page.end()', 'page.url', `$('li').end()`, `$('nothing').end()`, `$('li').length`, `$('li').size()`,
    `$('li').first()`, `$('li').last()`, `$('nothing').first()`, `$('nothing').last()`, `$('li').first().end()`,
    ...['0', '1', '-1', '9', '-9', `'1'`, `'x'`, '', '1.7', 'null', 'undefined', 'NaN', 'Infinity', 'true'].flatMap((at) => [`$('li').eq(${at})`, `$('li').get(${at})`]),
    ...['', '0', '1', '1, 2', '-1', '-2, -1', '0, 99', '3', '0, 0', `'1'`, 'null', 'undefined, 2', '1, -1'].map((at) => `$('li').slice(${at})`),
    `$('nothing').slice(0)`, `$('li').slice(1).end()`, `$('li').toArray()`, `$('li').toArray()[1].end()`, `$('nothing').toArray()`, `$('nothing').get(0)`, `$('nothing').get()`, 'page.get(0)',
    ...['is', 'not', 'filter', 'has', 'add', 'find', 'index'].flatMap((name) => [
      ...[`'#a'`, `'.y'`, `'p'`, `'b'`, `'['`, `''`, `$('#b')`, `$('b')`, `$('nothing')`].map((given) => `$('li,p').${name}(${given})`),
      ...['undefined', 'null', '5', '1.5', 'true', '[]', '{}'].map((given) => `$('li,p').${name}(${given})`),
    ]),
    `$('p').has($('b').get(0))`, `$('li').add($('p').get(0))`, `$('li').add('li').size()`, `$('p').add('li')`, `$('li').add('p').end()`, `$('ul').find($('p'))`, `page.find($('li'))`,
    `$('li').index()`, `$('#c').index()`, `$('b').index()`, `$('#c').index('li')`, `$('li').index('#b')`, `$('li').index($('#b').get(0))`, `$('nothing').index()`, 'page.index()', `$('html').index()`,
    `page.is('*')`, `page.filter(':not(p)')`, `page.has('p')`, `$('p').contents().filter('*')`, `$('p').contents().not('*')`, `$('p').contents().is(':not(b)')`,
    `$('li').has('b').end()`, `$('li').not('x').end()`, `$('li').filter('li').end()`,
    `parseHTML('<p>x').find('p').is($('p'))`, `parseHTML('<p>x').find('p').not($('p')).size()`, `parseHTML('<p>x').find('p').index($('p'))`, `parseHTML('<p>x').find($('p')).size()`, `parseHTML('<p>x').has($('p')).size()`,
    ...['', 'null', 'undefined', '5', '{}', `''`, `[1, 2]`].map((source) => `parseHTML(${source}).html()`),
  ]);
}
