// Selectors, what is none included.
import { told } from './lib/told.js';
const page = `<html lang=en><body id=body><h1 class="big  blue" title="Hello World">Head <i>line</i></h1><div id=main data-k=v lang=de-AT><p class=a>one</p><p class="a b">Two <b>bold</b></p><!-- x --><p>three</p><span class=B>four</span><p id=last
class=c title="x-y z">five</p></div><div id=empty></div><div id=blank> </div><div id=note><!-- only --></div><ul><li>1<li>2<li>3<li>4<li class=x>5<li>6<li>7</ul><form><input type=text name=n disabled><input type=checkbox checked><input
type=RADIO checked><select><option selected>s<option>t</select><textarea></textarea><button>go</button><fieldset disabled><legend><input id=inlegend></legend><input id=inset><a href=x>l</a></fieldset></form><a href="http://x.example/a.html">
link</a><a>no</a><link href=y><p id="dot.ted">d</p><p id=1st>n</p><p class=ünï>u</p><p data-x="a&quot;b" data-e="">q</p><section><p>in <em>section</em></p><dl><dt>t<dd>d</dl></section><svg viewBox="0 0"><g/></svg></body></html>`;
const selectors = [
  '*', 'p', 'P', 'h1,p', 'div p', 'div > p', 'div>p', 'p + p', 'p ~ span', 'p+span', 'p ~ p', 'div  >  p + p', 'html body > div p.a', '#main', 'div#main', 'p#main', '.a', '.a.b', 'p.a.b', '.B', '.b .B', '*.a', '*#main', '.blue', '.big.blue',
  '[title]', '[TITLE]', 'p[title]', '[title="Hello World"]', "[title='Hello World']", '[data-k=v]', '[data-k="v"]', '[data-k=V]', '[data-k=V i]', '[data-k="V" i]', '[data-k = "v" ]', '[ data-k ]', '[title~=World]', '[title~="Hello"]',
  '[title~=ello]', '[title~=""]', '[title|=x]', '[lang|=de]', '[lang|=en]', '[title^=Hell]', '[title^=""]', '[title$=orld]', '[title$=""]', '[title*="lo Wo"]', '[title*=""]', '[title*=" "]', '[title!=x]', 'p[title!="x-y z"]', 'p[class!=a]',
  '[data-e=""]', '[data-e]', '[data-x=\'a"b\']', '[data-k=5]', '[data-k=-v]', '[title#=W.r]', '[title#=(?i)hello]', '[title#=^x-[a-y] z$]', '[class][title]', '[a|b]', '[*|title]', '[title=]', '[title', '[=x]', '[title="x]', '[]', '[title==x]',
  ':first-child', 'p:first-child', 'p:last-child', 'p:only-child', 'b:only-child', 'p:first-of-type', 'span:first-of-type', 'p:last-of-type', 'span:only-of-type', 'p:only-of-type', 'li:nth-child(2)', 'li:nth-child(odd)', 'li:nth-child(even)',
  'li:nth-child(ODD)', 'li:nth-child(2n)', 'li:nth-child(2n+1)', 'li:nth-child( 2n + 1 )', 'li:nth-child(-n+3)', 'li:nth-child(n+5)', 'li:nth-child(3n-1)', 'li:nth-child(-2n+5)', 'li:nth-child(+2)', 'li:nth-child(0)', 'li:nth-child(-1)',
  'li:nth-child(n)', 'li:nth-child(N)', 'li:nth-child(0n+3)', 'li:nth-child(+n)', 'li:nth-child(99)', 'li:nth-child()', 'li:nth-child(x)', 'li:nth-child(2n+)', 'li:nth-child(2 n)', 'li:nth-child', 'li:nth-child(n2)', 'li:nth-child(2n 1)',
  'li:nth-last-child(2)', 'li:nth-last-child(-n+2)', 'p:nth-of-type(2)', 'p:nth-of-type(even)', 'p:nth-last-of-type(1)', 'p:nth-last-of-type(2n)', ':nth-child(2)', 'html:first-child', ':root', 'html:root', 'body:root', ':empty', 'div:empty',
  'p:not(.a)', 'p:not(.a,.c)', 'p:not([title])', ':not(p)', 'p:not(:first-child)', 'p:not(div p)', 'p:not(:not(.a))', 'p:not()', ':not(*)', 'div:has(p)', 'div:has(> p)', 'body:has(b)', 'div:has(b, span)', 'section:has(p em)', 'p:has(p)',
  'div:haschild(p)', 'body:haschild(p)', 'p:contains(one)', 'p:contains("one")', "p:contains('ONE')", 'p:contains(Two bold)', 'p:contains("two BOLD")', 'p:containsown("two bold")', 'p:containsOwn(Two)', 'p:containsOwn(bold)', 'div:contains(e)',
  'p:contains("")', 'p:contains()', 'p:matches(^t)', 'p:matches(^[Tt])', 'p:matchesOwn(^T)', 'p:matches((?i)ONE)', 'p:matches(o(n|x)e)', 'p:matches([)', 'p:matches()', 'b:parent', 'p:parent', ':input', 'form :input', ':link', 'a:link', ':checked',
  'input:checked', 'option:checked', ':disabled', ':enabled', 'input:enabled', 'input:disabled', 'a:enabled', ':lang(en)', ':lang(de)', 'p:lang(de)', ':lang(de-AT)', ':lang(d)', ':hover', 'a:visited', ':focus', ':target', ':active', 'p:first',
  'p:last', 'p:eq(1)', 'p:gt(1)', 'p:odd', ':header', ':button', ':text', ':checkbox', ':selected', ':visible', ':hidden', 'p:is(.a)', 'p:where(.a)', ':scope', ':any-link', ':optional', ':required', ':read-only', ':nth-child(2 of p)', 'p::before',
  'p::after', 'p:before', 'p:first-line', '::selection', '', ' ', ',', 'p,', ',p', 'p,,p', '>', '> p', 'p >', 'p > > p', 'p + + p', '+ p', '~', '..a', '.', '#', '##main', '.1st', '#1st', '#dot.ted', '#dot\\.ted', '#\\31 st', '.ünï', '.\\fc nï', 'p\\.a',
  '\\70', '\\70 .a', 'p\\', 'p{', 'p}', 'p)', '(p)', 'p(', '!p', '$p', '@p', '5', 'p5', '-p', '--p', '_p', 'p|a', '*|p', '*|*', '|p', 'svg|g', 'svg g', 'g', 'svg', 'p/* x */.a', 'p /* x */ .b', '/* x */p', 'p /* x', 'div/**/p', 'p\n.b', '\tp', ' p ', 'p ,h1', 'div\t>\np',
  'p.a:first-child', 'p:first-child.a', '.a[class]:not(.b)', 'ul li:nth-child(2) ~ li', 'li.x + li', 'li + li + li', 'dl > dt + dd', 'section em', '[class~=a][class~=b]', 'div:not(#main):not(#empty)', 'li:not(:nth-child(2n)):not(.x)', 'p:CONTAINS(one)', 'p:NOT(.a)',
  'em,b,i', 'em , b , i', 'b,p b,b', 'body > *', 'body > :last-child', 'form *', 'DIV#main P.a', '#MAIN', '[LANG="en"]', 'a[href$=".html"]', 'a[href^="http://"]', 'a[href*="x.ex"]', 'a:not([href])', '[href]', 'link', 'html', 'head', 'body', 'title', 'option', 'select option:nth-child(2)',
];
export default function () {
  const quoted = selectors.map((it) => JSON.stringify(it));
  told(page, [...quoted.map((it) => `$(${it})`), ...quoted.slice(0, 40).flatMap((it) => [`$('#main').find(${it})`, `$('p').filter(${it})`])]);
}
