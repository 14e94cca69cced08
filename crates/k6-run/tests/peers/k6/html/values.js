// What is read of what was selected: text, HTML, attributes, values and data.
import { told } from './lib/told.js';
const page = `<title>T &amp; t</title><ul><li id=a class="x y" TITLE=t>one<li id=b value=3>two</ul><p data-a='{"x": 1}' data-b="[1,2" data-c="{bad}" data-d=" 5" data-e="-1" data-f="1e3" data-g="0.10"
data-h="true " data-i="TRUE" data-j="false" data-k="null" data-l="undefined" data-m='"q"' data-n="NaN" data-o="[]" data-p="1.0" data-q="9007199254740993" data-r="0" data-s="-0" data-t="+1" data-u=".5"
data-v="5." data-w="1234567" data-x-="5" data--y=6 data-z-1-a=7 data-ABC=8 data-="9" data-a.b=1 data-x1-y2-z3="k" data-list='["a",{"b":null}]' data-half="1.5" data-inf="Infinity" data-hex="0x1f">para <b>b &lt; c</b></p>
<form><input id=t name=t value=v><input id=e><input id=c type=checkbox><input id=cv type=checkbox value=on1><input id=r type=radio><input id=f type=file><select id=s0></select><select id=s1><option>one</select>
<select id=s2 multiple><option>a<option>b</select><select id=s3><option disabled selected>a &amp; b<option value>b</select><select id=s4 multiple><option selected>q<option selected value=w>r</select>
<textarea id=ta>
 x &amp; y</textarea><button id=bt value=bv>B</button><button id=b0>B</button><keygen id=kg><output id=ou>o</output></form><script>if (a < b && "c") {}</script><style>a > b { }</style>`;
const numbers = 'Infinity +Inf -Inf 1e21 0x1F 1_000 100000000000000000000 1e-7 0.0000001 -5.5 00 inf nan 1. - 0.1 123456789.123456789 123456789012345680000 -0.00000012 1000000000000000000000 12345678901234567890123'.split(' ');
export default function () {
  told(`<p ${numbers.map((it, place) => `data-n${place}="${it}"`).join(' ')} data-o="{}" data-q="[1,]" data-r="{a:1}" data-s=" {}" data-t="[] x" data-u="1 ">`, [`$('p').data()`]);
  told(page, [
    ...['page', `$('li')`, `$('p')`, `$('nothing')`, `$('title')`, `$('p').contents()`, `$('script')`, `$('style')`, `$('ul')`, `$('textarea')`].flatMap((it) => [`${it}.text()`, `${it}.html()`]),
    ...[`'id'`, `'class'`, `'title'`, `'TITLE'`, `'nope'`, `'nope', 'else'`, `'nope', 5`, `'nope', null`, `'nope', undefined`, `'id', 'else'`, '', 'null', '5'].map((it) => `$('li').attr(${it})`),
    `$('nothing').attr('id')`, `$('nothing').attr('id', 'else')`,
    ...['#t', '#e', '#c', '#cv', '#r', '#f', '#s0', '#s1', '#s2', '#s3', '#s4', '#ta', '#bt', '#b0', '#kg', '#ou', 'option', '#s4 option', 'li', '#b', 'p', 'form', 'input', 'nothing'].map((it) => `$('${it}').val()`),
    `$('option').map((place, it) => it.val())`,
    `$('p').data()`, `$('li').data()`, `$('nothing').data()`, `$('nothing').data('a')`,
    ...'a b c d e f g h i j k l m n o p q r s t u v w x- -y z-1-a z1A z-1A abc ABC aBC a.b list half inf hex X1Y2Z3 x1Y2Z3 x1-y2-z3 nope A'.split(' ').map((name) => `$('p').data('${name}')`),
    `$('p').data('')`, `$('p').data(null)`, `$('p').data(5)`, `'k' in $('p').data()`, `$('p').data('list')[1].b`,
  ]);
}
