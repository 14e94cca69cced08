// Forms, their fields, labels and options, and how they find each other.
import { told } from './lib/told.js';
const page = `<form id=f1 name=fn><label id=l1 for=i1>L1</label><input id=i1 name=i1 list=dl><label id=l2>wrap <input id=i2 name=i2></label><fieldset id=fs name=fs><input id=i3><legend id=lg>x</legend></fieldset><select id=s1 name=s1
><option id=o1 value=a>A</option><optgroup label=g disabled><option id=o2 selected>B</option></optgroup><option id=o3 disabled>C</option></select><button id=b1>b</button><textarea id=ta value="ä€😀x">
text &amp; more</textarea><object id=ob></object><output id=ou for="i1 i2">out <b>x</b></output><input type=image id=ii><input type=hidden id=ih><keygen id=kg><meter id=me></meter><progress id=pr></progress></form><input id=i4 form=f1
><label id=l3 for=i4></label><label id=l4 for=i4></label><label id=l5 for=nope></label><label id=l6></label><input id=i5 form=nope list=nope><datalist id=dl><option id=d1 value=1><option id=d2 value=2></datalist><label for=s1 id=l7
></label><label for=me id=l8></label><select id=s2 multiple form=f1><option id=p1 selected>1<option id=p2 selected>2<option id=p3>3</select><select id=s3><option id=q1>1<option id=q2>2</select><select id=s4></select><map id=mp name=mm
><area id=ar1><area id=ar2><img usemap="#mm"></map><img usemap="#mm"><label id=l9 for=b1></label><label for=ta id=l10></label><label for=ob></label><label for=ou></label><label for=kg></label><label for=pr></label><label for=fs id=l11>
</label><div id=other><input id=i6 form=other></div><form id=f2><input id=i7 form=f1><input id=i8 form=""></form><label id=l12>a<label id=l13 for=i9>b<input id=i9></label></label><label id=l14 for="">q</label><label id=l15 for="a b">q
</label><input id="a b" class=spaced><fieldset form=f1><legend id=lg2></legend><output id=ou2 form=f1></output></fieldset><fieldset disabled><input id=fd></fieldset><input id=il list=i9><label id=l16 form=f1 for=i9></label>
<select><option id=op> sp &amp; </option><option id=ov value=v label=l>t</option><option id=oe value="">t</option></select><script id=sc>a < b && "c"</script><video id=vi><track><track></video>`;
const asked = {
  i1: 'form labels list', i2: 'form labels list', i3: 'form labels', i4: 'form labels', i5: 'form labels list', i6: 'form', i7: 'form', i8: 'form', i9: 'labels', fd: 'disabled', il: 'list', l1: 'control form', l2: 'control form', l3: 'control form',
  l5: 'control form', l6: 'control form', l7: 'control form', l8: 'control', l9: 'control', l11: 'control', l12: 'control', l14: 'control', l15: 'control', l16: 'control form', fs: 'elements form validity', lg: 'form', lg2: 'form',
  s1: 'form labels length options selectedIndex selectedOptions value type size', s2: 'form labels length options selectedIndex selectedOptions value type size', s3: 'length options selectedIndex selectedOptions value form',
  s4: 'length selectedIndex value', o1: 'form index selected defaultSelected', o2: 'form index selected disabled', o3: 'form index disabled', d1: 'form index', d2: 'index', p2: 'form index', b1: 'form labels', ta: 'form labels value defaultValue length',
  ob: 'form', ou: 'form labels htmlFor value defaultValue', ou2: 'form', kg: 'form labels', me: 'labels', pr: 'labels', f1: 'elements length name', f2: 'elements length', dl: 'options', mp: 'areas images', op: 'text value label',
  ov: 'text value label', oe: 'text value label', sc: 'text', vi: 'textTracks',
};
export default function () {
  told(page, [
    ...Object.entries(asked).flatMap(([id, methods]) => methods.split(' ').map((it) => `$('#${id}').get(0).${it}()`)), `$('.spaced').get(0).labels()`, `$('#b1').get(0).form_field_element.name()`, `$('#b1').get(0).element.id()`,
  ]);
  const sending = ['formAction', 'formEnctype', 'formMethod', 'formNoValidate', 'formTarget'];
  told(`<form id=f action="/act" method=post enctype="multipart/form-data" target=tg novalidate><button id=b1></button><input id=b2><button id=b3 formaction="" formmethod="" formenctype="" formtarget=""></button><input id=b4 formaction=x
formmethod=get formenctype="text/plain" formtarget=y formnovalidate></form><form id=g><button id=b5></button></form><button id=b6 form=f></button><button id=b7></button><form id=h method=POST><button id=b8></button></form>`,
    [1, 2, 3, 4, 5, 6, 7, 8].flatMap((id) => sending.map((it) => `$('#b${id}').get(0).${it}()`)));
  told('<label for=x id=a>1</label><label id=b>2<input id=x></label><label for=x id=c>3</label>', [`$('#x').get(0).labels()`]);
  told('<title>T <b>x</b> &lt;</title>', [`$('title').get(0).text()`, `$('title').get(0).innerHTML()`]);
}
