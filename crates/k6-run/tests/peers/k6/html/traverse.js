// From nodes to those around them.
import { told } from './lib/told.js';
const page = `<body id=body><!-- a comment --><ul id=list><li id=a class="x y">one<li id=b>two<li id=c>three</ul>
<p id=p>para <b>bold</b> <i>italic</i></p><p id=q>text</p><div><div><em>deep</em></div></div></body>`;
export default function () {
  told(page, [
    ...['children', 'parent', 'parents', 'next', 'nextAll', 'prev', 'prevAll', 'siblings'].flatMap((name) => [
      ...['#a', '#b', '#c', 'li', 'b', 'b,li', 'html', 'em', 'nothing'].map((from) => `$('${from}').${name}()`),
      ...['#b', 'ul', 'li,p', 'body', '[', '', ','].map((kept) => `$('#a,#c,b').${name}('${kept}')`),
      ...['undefined', 'null', '5', `$('#b')`].map((kept) => `$('#a,#c,b').${name}(${kept})`),
    ].filter((it) => !it.includes("$('html').siblings") || it.includes('size'))),
    ...['parentsUntil', 'nextUntil', 'prevUntil'].flatMap((name) => [
      '', `'body'`, `'#b'`, `'[',`, `$('#b')`, `$('body'), 'p'`, `'nothing', 'li'`, 'null', 'undefined', '5', 'true', `'#c', '#b'`, `$('nothing')`,
    ].map((until) => `$('#a,#c,b').${name}(${until})`)),
    `$('ul').contents()`, `$('p').contents()`, `$('body').contents().size()`, `page.contents()`, `page.children()`, `page.parent()`, `page.next()`, `$('html').parent()`, `$('html').prevAll()`,
    `$('b').closest('p')`, `$('b').closest('b')`, `$('b').closest('nothing')`, `$('b').closest($('p'))`, `$('b').closest($('p').get(0))`, `$('b').closest()`, `$('b').closest(5)`, `$('b,i').closest('p,i')`, `page.closest('html')`,
    `$('em').parents('div')`, `$('em').parents().size()`, `$('em,b').parents()`, `$('div').find('div')`, `$('div').find('em')`, `$('div').children().children()`,
    `$('#a').next().next().prev().end().end()`, `$('#a').nextAll().end()`, `$('p').contents().end()`, `$('em').parentsUntil().end()`,
  ]);
}
