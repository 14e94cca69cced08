// The parts of links.
import { told } from './lib/told.js';
const links = [
  'http://u:p@H.example:8080/p/a%20th/../q?x=1&y#f r', '/rel?z', '//h/x', 'mailto:x@y', 'https://h.example:443/', ' http://[::1]:80/x ', '', 'HTTP://UPPER/ä?ö#ü', 'http://%zz/', 'http://h.example:80', 'ftp://x:21/y',
  'https://:pw@h:/x?#', 'http://us%40er@h/a b?c d#e f', 'x/y', 'file:///e/f', 'file:/e/f', 'javascript:void(0)', '?q=1', '#h%20i', 'http://[::1%25eth0]:8/x', 'http://a b/', 'a:b/c', './a:b', ':x', 'http://h:x/', 'http://h/%41%zz',
  'http://h/?%zz#%zz', 'http://h//a//b', '../../x/./y/..', 'http://u@h@i/', 'http://ex.com:/', 'http://h?q', '///x//y', 'http:///x', 'http:x', 'http://h/a%2Fb;c=d', 'ws://h:80/', 'wss://h:443/', 'gopher://h:70/', 'http://h:443/',
];
const quote = (text) => text.replace(/&/g, '&amp;').replace(/"/g, '&quot;');
const page = `<body>${links.map((link, place) => `<a id=a${place} href="${quote(link)}">x</a>`).join('')}<a id=none>n</a><a id=all rel="nofollow  noopener" hreflang=de type="t/h" target=_b accesskey=k download=dl
referrerpolicy=no-referrer href=x>li<i>nk</i></a><map><area id=ar href="http://h/p" rel=x alt=y></map><link id=li rel="a b" href="http://h/p" hreflang=de media=m>`;
const parts = ['hash', 'host', 'hostname', 'href', 'origin', 'password', 'pathname', 'port', 'protocol', 'search', 'username', 'toString'];
const words = ['text', 'relList', 'rel', 'type', 'target', 'hrefLang', 'accessKey', 'download', 'referrerPolicy'];
export default function () {
  told(page, [
    ...[...links.keys()].flatMap((place) => parts.map((part) => `$('#a${place}').get(0).${part}()`)),
    ...['none', 'all', 'ar'].flatMap((id) => [...parts, ...words].map((part) => `$('#${id}').get(0).${part}()`)),
    ...['href', 'hreflang', 'media', 'rel', 'relList', 'crossOrigin', 'type'].map((part) => `$('#li').get(0).${part}()`),
    `$('#all').get(0).element.id()`, `$('#all').get(0).href_element.href()`, `String($('#all').get(0))`,
  ]);
}
