// What a form would send.
import { told } from './lib/told.js';
const types = 'text hidden checkbox radio submit reset button image file password email number range date color search tel url other'.split(' ');
const inputs = types.map((type) => `<input type=${type} name=${type} value=v-${type}><input type=${type} name=${type}-c value=w checked><input type=${type} name=${type}-n>`).join('');
const page = `<form id=f>${inputs}<input name=none><button name=bt value=bv>x</button><select name=s0></select><select name=s1><option>a</select><select name=s2 multiple><option>a<option>b</select><select name=s3><option disabled
selected>a<option value>b</select><select name=s4 multiple><option selected>q<option selected disabled>r</select><select name=s5><optgroup label=g><option value=1>x<option value=2 selected>y</optgroup></select>
<textarea name=t1></textarea><textarea name=t2>
one
 two &amp; </textarea><input name="" value=empty><input value=nameless><input name=off value=1 disabled><fieldset disabled><input name=inner value=1></fieldset><keygen name=kg><output name=out>o</output>
<input name=twice value=1><input name=twice value=2><input name="a b&=" value="ä€😀 *-._~!()'"></form><input form=f name=outer value=o><form id=g><input name=second value=2></form>`;
export default function () {
  told(page, [`'form'`, `'#g'`, `'input'`, `'select'`, `'textarea'`, `'button'`, `'form,input,select'`, `'body'`, `'nothing'`, `'[type=checkbox]'`, `'[name=s4]'`, `'#f input'`].flatMap((it) => [
    `$(${it}).serialize()`, `$(${it}).serializeArray()`, `$(${it}).serializeObject()`,
  ]));
}
