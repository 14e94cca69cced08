// Pages of answers: their links and forms.
import http from 'k6/http';
import { told } from './lib/told.js';
const base = __ENV.BASE_URL;
const page = `<title>T</title><base href="/other/"><a id=first href="/echo?l=1">one</a><a id=rel href="echo/rel?x=1#frag">two</a><a id=abs href="${base}/echo?abs">three</a><a id=no>no</a><a id=empty href="">e</a><p id=par>x</p>
<a id=bad href="http://%zz/">b</a><a id=mail href="mailto:x@y">m</a><a id=hash href="#top">h</a><a id=up href="../../echo/ü#s p">u</a><form id=get action="/echo?old=1"><input name=a value=1><input name=b value="x y"><select name=s><option
value=p>P<option value=q selected>Q</select><select name=m multiple><option selected>m1<option selected>m2</select><textarea name=t>t &amp; u</textarea><input type=checkbox name=c checked><input type=submit name=go value=Go></form>
<form id=post action="/echo" method=post><input name=a value=1><input name=b value=2><input type=submit name=s1 value=S1><input type=submit id=second name=s2 value=S2><button name=s3 value=S3>x</button><input type=image name=im></form>
<form id=multi action="/echo" method=POST enctype="multipart/form-data"><input name=a value=1></form><form id=noaction><input name=q value=1></form><form id=emptyaction action=""><input name=q value=1></form>
<form id=put action="/echo" method=PUT><input name=q value=1><select name=m multiple><option selected>m1<option selected>m2</select></form><form id=del action="../echo/x" method=delete><input name=q value=1></form>
<img src="i m.png"><script src="/s.js"></script><iframe src=f></iframe><embed src=e><audio src=a></audio><object data=o></object><link href=l><input type=image src=s
formaction=fa><button formaction=fb>b</button><track src=t><source src=so>`;
export default function () {
  const answer = http.post(`${base}/page/one?q=1`, page);
  told(answer, [
    'answer.html()', 'answer.html().url', `answer.html('title')`, `answer.html('title').text()`, `$('a').url`, `answer.html('nope').size()`, 'answer.html(5)', 'answer.html(null)', 'answer.html(undefined)', `answer.html('p', 'b')`,
    ...['first', 'rel', 'abs', 'no', 'empty', 'bad', 'mail', 'hash', 'up'].flatMap((id) => ['href', 'host', 'pathname', 'hash', 'search', 'protocol', 'origin', 'toString'].map((part) => `$('#${id}').get(0).${part}()`)),
    `$('base').get(0).href()`, ...['get', 'noaction', 'emptyaction', 'del'].flatMap((id) => [`$('#${id}').get(0).action()`, `$('#${id}').get(0).method()`]), `$('img').get(0).src()`, `$('img').get(0).currentSrc()`,
    `$('script').get(0).src()`, `$('iframe').get(0).src()`, `$('embed').get(0).src()`, `$('audio').get(0).src()`, `$('audio').get(0).currentSrc()`, `$('object').get(0).data()`, `$('link').get(0).href()`,
    `$('[type=image]').get(1).src()`, `$('[type=image]').get(1).formAction()`, `$('button').get(1).formAction()`, `$('button').get(0).formAction()`, `$('track').get(0).src()`, `$('source').get(0).src()`,
    ...['', '{}', `'x'`, '{ params: null }', ...['#rel', '#abs', 'a', '#up', '#empty', '#no', 'p', 'nope'].map((it) => `{ selector: '${it}' }`), 'null', 'undefined', '{ selector: 5 }', '{ selector: null }', '{ selector: undefined }',
      `{ selector: '#rel', params: { headers: { 'X-Own': 'y' }, tags: { own: 'tag' } } }`].map((it) => `sent(answer.clickLink(${it}))`),
    ...['', '{}', `'form'`, 'null', 'undefined', ...['#get', '#post', '#multi', '#noaction', '#emptyaction', '#put', '#del', 'nope', 'p'].map((it) => `{ formSelector: '${it}' }`),
      ...['#second', 'button', 'nope', '[type=image]'].map((it) => `{ formSelector: '#post', submitSelector: '${it}' }`), `{ formSelector: '#post', fields: { a: 9, z: 'new & old', t: true, n: 1.5, l: [1, '2'] } }`,
      `{ formSelector: '#get', fields: { a: 5, extra: 'e f&', list: ['1', '2'] } }`, `{ formSelector: '#get', fields: { a: null } }`, `{ formSelector: '#get', fields: { a: undefined } }`, '{ formSelector: null }',
      '{ fields: null, params: null, submitSelector: null }', `{ formSelector: '#post', params: { headers: { 'X-Own': 'y', 'Content-Type': 'a/b' } } }`, `{ formSelector: '#get', params: { tags: { name: 'named', own: 'tag' } } }`,
    ].map((it) => `sent(answer.submitForm(${it}))`),
  ]);
  told(http.post(`${base}/page/dir/two`, page, { responseType: 'binary' }), [`$('title').text()`, `sent(answer.clickLink({ selector: '#rel' }))`, `sent(answer.submitForm({ formSelector: '#noaction' }))`]);
  told(http.get(`${base}/json`), ['page.html()', 'page.text()', 'sent(answer.clickLink())', 'sent(answer.submitForm())']);
  told(http.head(`${base}/text`), ['page.html()', 'answer.clickLink()']);
  for (const nothing of [http.get(`${base}/text`, { responseType: 'none' }), http.get('http://127.0.0.1:1/')]) {
    for (const name of ['html', 'clickLink', 'submitForm']) {
      let said = 'nothing';
      try {
        nothing[name]();
      } catch (err) {
        said = err.message;
      }
      told('', [`/* ${name} */ ${JSON.stringify(said)}`]);
    }
  }
}
