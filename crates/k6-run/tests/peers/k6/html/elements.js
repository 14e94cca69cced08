// What elements of certain kinds have beyond the others, with each of several values in all of their attributes.
import { told } from './lib/told.js';
const methods = {
  a: 'accessKey download hash host hostname href hrefLang origin password pathname port protocol referrerPolicy rel relList search target text type username',
  area: 'accessKey download hash host hostname href hrefLang origin password pathname port protocol referrerPolicy rel relList search target text type username',
  audio: 'autoplay controls crossOrigin currentSrc defaultMuted loop mediaGroup muted preload src textTracks',
  base: 'href target',
  button: 'accessKey autofocus disabled form formAction formEnctype formMethod formNoValidate formTarget labels name tabIndex type value',
  canvas: 'height width',
  col: 'span',
  data: 'value',
  datalist: 'options',
  del: 'cite datetime',
  embed: 'height src type width',
  fieldset: 'disabled elements form name type validity',
  form: 'acceptCharset action autocomplete elements encoding enctype length method name noValidate target',
  iframe: 'allowfullscreen height name referrerPolicy src width',
  img: 'alt crossOrigin currentSrc height isMap name referrerPolicy sizes src srcset useMap width',
  input: 'accept accessKey alt autocomplete autofocus checked defaultChecked defaultValue dirName disabled form formAction formEnctype formMethod formNoValidate formTarget height labels list max maxLength min multiple name pattern placeholder readonly required size src step tabIndex type value width',
  ins: 'cite datetime',
  keygen: 'autofocus challenge disabled form keytype labels name type',
  label: 'control form htmlFor',
  legend: 'accessKey form',
  li: 'type value',
  link: 'crossOrigin href hreflang media referrerPolicy rel relList target type',
  map: 'areas images name',
  meta: 'content httpEquiv name',
  meter: 'high labels low max min optimum',
  object: 'data form height name tabIndex type typeMustMatch useMap width',
  ol: 'reversed start type',
  optgroup: 'disabled label',
  option: 'defaultSelected disabled form index label selected text value',
  output: 'defaultValue form htmlFor labels name type value',
  param: 'name value',
  pre: 'name value',
  progress: 'labels max position value',
  script: 'async charset crossOrigin defer noModule src text type',
  select: 'autofocus disabled form labels length multiple name options required selectedIndex selectedOptions size tabIndex type value',
  source: 'keySystem media sizes src srcset type',
  style: 'media type',
  table: 'caption rows sortable tBodies tFoot tHead',
  tbody: 'rows',
  td: 'cellIndex colSpan headers rowSpan',
  textarea: 'accessKey autocapitalize autocomplete cols defaultValue form labels length maxLength placeholder readOnly required rows tabIndex type value wrap',
  tfoot: 'rows',
  th: 'abbr cellIndex colSpan headers rowSpan scope sorted',
  thead: 'rows',
  time: 'datetime',
  title: 'text',
  tr: 'cells rowIndex sectionRowIndex',
  track: 'default kind label src srclang',
  ul: 'type',
  video: 'autoplay controls crossOrigin currentSrc defaultMuted loop mediaGroup muted preload src textTracks',
};
const attributes = 'accesskey download hreflang referrerpolicy rel target type autoplay controls crossorigin muted loop mediagroup preload src autofocus disabled formaction formenctype formmethod formnovalidate formtarget name tabindex value height width span cite datetime accept-charset action autocomplete enctype encoding method novalidate allowfullscreen alt ismap sizes srcset usemap accept checked dirname max maxlength min multiple pattern placeholder readonly required size step challenge keytype media content http-equiv high low optimum data typemustmatch reversed start label selected async charset defer nomodule sortable headers colspan rowspan abbr scope sorted autocapitalize cols rows wrap default kind srclang keysystem href'.split(' ');
const values = ['word', '42', '', '-7', '3.7', ' 5 ', '+3', '0x10', '99999999999', '9223372036854775808', 'off', undefined];
const around = { td: '<table><tr>', th: '<table><tr>', tr: '<table>', col: '<table><colgroup>', tbody: '<table>', thead: '<table>', tfoot: '<table>', option: '<select>', optgroup: '<select>' };
// Attributes with a fixed set of values, and methods that read them.
const sets = [
  ['a area iframe img link', 'referrerpolicy', 'referrerPolicy', 'no-referrer no-referrer-when-downgrade origin origin-when-cross-origin unsafe-url same-origin strict-origin NO-REFERRER'],
  ['audio img link video script', 'crossorigin', 'crossOrigin', 'anonymous use-credentials Anonymous'], ['audio', 'preload', 'preload', 'none metadata auto NONE'],
  ['button input', 'formenctype', 'formEnctype', 'application/x-www-form-urlencoded multipart/form-data text/plain Text/Plain'], ['button input', 'formmethod', 'formMethod', 'get post dialog POST Post'],
  ['button', 'type', 'type', 'submit button menu reset RESET'],
  ['input', 'type', 'type', 'button checkbox color date datetime datetime-local email file hidden image month number password radio range reset search submit tel text time url week TEXT Radio'],
  ['form', 'enctype', 'enctype', 'multipart/form-data text/plain Text/Plain'], ['form', 'enctype', 'encoding', 'multipart/form-data text/plain'], ['form', 'method', 'method', 'get post dialog POST put'],
  ['form input textarea', 'autocomplete', 'autocomplete', 'on off OFF name'], ['keygen', 'keytype', 'keytype', 'RSA DSA EC rsa ec'], ['li', 'type', 'type', '1 a A i I disc circle square DISC'], ['ol', 'type', 'type', '1 a A i I x'],
  ['meta', 'http-equiv', 'httpEquiv', 'content-type default-style refresh content-language REFRESH set-cookie'], ['textarea', 'autocapitalize', 'autocapitalize', 'none off characters words sentences on WORDS'],
  ['textarea', 'wrap', 'wrap', 'soft hard off HARD'], ['th', 'scope', 'scope', 'row col rowgroup colgroup ROW auto'], ['track', 'kind', 'kind', 'subtitle subtitles captions descriptions chapters metadata CAPTIONS'],
];
export default function () {
  for (const [name, known] of Object.entries(methods)) {
    for (const value of values) {
      const given = value === undefined ? '' : attributes.map((it) => `${it}="${value}"`).join(' ');
      told(`${around[name] || ''}<${name} ${given}>`, known.split(' ').map((method) => `/* '${value}' */ $('${name}').get(0).${method}()`));
    }
  }
  for (const [names, attribute, method, all] of sets) {
    for (const name of names.split(' ')) {
      for (const value of all.split(' ')) told(`${around[name] || ''}<${name} ${attribute}="${value}">`, [`/* '${value}' */ $('${name}').get(0).${method}()`]);
    }
  }
  for (const [max, value] of [['5', '2'], ['5', '9'], ['5', '-1'], ['5', 'x'], ['x', '0.3'], ['0', '1'], ['2', '1e0'], ['3', '']]) {
    told(`<progress max="${max}" value="${value}">`, ['max', 'value', 'position'].map((it) => `/* ${value} of ${max} */ $('progress').get(0).${it}()`));
  }
}
