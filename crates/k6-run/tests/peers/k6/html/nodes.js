// Elements and other nodes.
import { told } from './lib/told.js';
const page = `<!DOCTYPE html><!-- first --><html lang=en><body id=body><!-- a comment --><div id=d class=" a  b a " data-q=1 title=t lang=fr><p id=p class="k l">one <b>two</b></p>tail<p id=p2 class=k>x</p></div><div
id=e></div><svg id=v viewBox="0 0 1 1"><a xlink:href="#x">y</a><foreignObject><p>z</p></foreignObject></svg></body></html><!-- last -->`;
const nodes = { d: `$('#d').get(0)`, e: `$('#e').get(0)`, p: `$('#p').get(0)`, text: `$('#p').contents().get(0)`, comment: `$('body').contents().get(0)`, document: 'page.get(0)', html: `$('html').get(0)`, svg: `$('#v').get(0)` };
const plain = 'childElementCount childNodes children classList className firstElementChild hasAttributes hasChildNodes id innerHTML lang lastElementChild namespaceURI nextElementSibling nodeName nodeType nodeValue ownerDocument parentElement parentNode previousElementSibling selection textContent toString'.split(' ');
export default function () {
  told('<p class="a\nb\tc  d\u00a0e">x', [`$('p').get(0).classList()`, ...'abcde'.split('').map((it) => `$('p').is('.${it}')`)]);
  told(page, [
    ...Object.values(nodes).flatMap((node) => plain.map((name) => `${node}.${name}()`)),
    // Where there is no such node, k6 crashes.
    ...['d', 'p', 'html'].flatMap((name) => [`${nodes[name]}.firstChild()`, `${nodes[name]}.lastChild()`]), `${nodes.d}.nextSibling()`, `${nodes.e}.previousSibling()`, `${nodes.text}.nextSibling()`,
    ...Object.values(nodes).map((node) => `String(${node})`), 'page.contents()', 'page.contents().get(0).nodeName()', 'page.contents().get(0).nodeType()', 'String(page.contents().get(0))', `page.contents().get(0).nodeValue()`,
    ...[`contains($('#p').get(0))`, `contains($('#d').get(0))`, `contains($('b').get(0))`, `contains('p')`, `contains($('p'))`, `isSameNode($('#d').get(0))`, `isSameNode($('#e').get(0))`, 'isSameNode(5)',
      `isEqualNode($('#d').get(0))`, `isEqualNode($('#e').get(0))`, `isEqualNode('x')`, `getAttribute('class')`, `getAttribute('nope')`, 'getAttribute()', `hasAttribute('title')`, `hasAttribute('nope')`,
      `getAttributeNode('title').name`, `getAttributeNode('title').value`, `getAttributeNode('title').owner_element`, `getAttributeNode('title').localName()`, `getAttributeNode('title').prefix()`,
      `getAttributeNode('title').namespaceURI()`, `getAttributeNode('nope')`, 'Object.keys(it.attributes()).sort()', 'attributes().class.value', `getElementsByClassName('k')`, `getElementsByClassName('k l')`, `getElementsByClassName('l.k')`,
      `getElementsByClassName('')`, `getElementsByTagName('p')`, `getElementsByTagName('*')`, `getElementsByTagName('P')`, `getElementsByTagName('div')`, `getElementsByTagName('p.l')`, `isDefaultNamespace('')`,
      `isDefaultNamespace('http://www.w3.org/1999/xhtml')`, `isDefaultNamespace('x')`, `matches('.a')`, `matches('p')`, `matches('[')`, `matches()`, `matches('body > div')`, `querySelector('b')`, `querySelector('nope')`,
      `querySelector()`, `querySelector('body p')`, `querySelectorAll('p,b')`, `querySelectorAll('nope')`, 'querySelectorAll()', `selection().find('p')`,
    ].map((it) => (it.includes('it.') ? it.replace('it', nodes.d) : `${nodes.d}.${it}`)),
    `${nodes.d}.isEqualNode(parseHTML('<div lang=fr title=t id=d class=" a  b a " data-q=1><p class="k l" id=p>one <b>two</b></p>tail<p id=p2 class=k>x</p></div>').find('#d').get(0))`,
    `${nodes.d}.isEqualNode(parseHTML('<div lang=fr title=t id=d class=" a  b a " data-q=1><p class="k l" id=p>one <b>two</b></p>tail<p id=p2 class=k>y</p></div>').find('#d').get(0))`,
    `$('svg a').get(0).attributes()['href'].value`, `$('svg').html()`, `$('svg').attr('viewBox')`, `$('svg').attr('viewbox')`, `$('foreignObject').size()`, `$('foreignobject').size()`,
    `$('#d').get(0).children()[0].selection().end()`, `$('#d').get(0).firstChild().selection().end()`, `$('#p').get(0).parentElement().selection().end()`, `$('p').get(1).selection().end()`,
  ]);
}
