// Elements of a page, and what some kinds of them have beyond the others. Evaluated when a script
// first asks for one.
const n = globalThis.__k6;
const { Selection, text } = n.html;

const at = (selection, place) => n.htmlElement(selection, place, kinds);
const all = (selection) => Array.from({ length: selection.size() }, (_, place) => at(selection, place));
const select = (element) => n.htmlAs(element, Selection.prototype);
const relative = (element, which) => n.htmlRelative(element, which, kinds);
const attribute = (element, name) => n.htmlAttribute(element, name);

const html = 'http://www.w3.org/1999/xhtml';

class Attribute {
  constructor(owner, name, value) {
    this.owner_element = owner;
    this.name = name;
    this.value = value;
  }
  localName() { return this.name; }
  namespaceURI() { return this.owner_element.namespaceURI(); }
  prefix() { return ''; }
}

class Element {
  toJSON() { return {}; }
  nodeName() { return n.htmlNode(this)[1]; }
  nodeType() { return n.htmlNode(this)[0]; }
  nodeValue() { return n.htmlNode(this)[3]; }
  namespaceURI() { return n.htmlNode(this)[2] || html; }
  toString() {
    const [type, name] = n.htmlNode(this);
    return type === 1 ? '[object html.Node]' : `[object ${name}]`;
  }
  selection() { return select(this); }
  id() { return attribute(this, 'id') ?? ''; }
  className() { return attribute(this, 'class'); }
  classList() { return (attribute(this, 'class') ?? '').split(/[\s\u0085]+/).filter((name) => name !== ''); }
  lang() { return attribute(this, 'lang'); }
  innerHTML() { return n.htmlInner(this); }
  textContent() { return n.htmlText(this); }
  hasAttribute(name) { return attribute(this, text(name)) !== undefined; }
  getAttribute(name) { return attribute(this, text(name)); }
  getAttributeNode(name) {
    const value = attribute(this, text(name));
    return value === undefined ? undefined : new Attribute(this, text(name), value);
  }
  hasAttributes() { return n.htmlAttributes(this).length > 0; }
  attributes() {
    const found = {};
    const pairs = n.htmlAttributes(this);
    for (let place = 0; place < pairs.length; place += 2) found[pairs[place]] ??= new Attribute(this, pairs[place], pairs[place + 1]);
    return found;
  }
  hasChildNodes() { return relative(this, 'firstChild') !== undefined; }
  childNodes() { return all(select(this).contents()); }
  children() { return all(select(this).children()); }
  childElementCount() { return select(this).children().size(); }
  firstChild() { return relative(this, 'firstChild'); }
  lastChild() { return relative(this, 'lastChild'); }
  firstElementChild() { return at(select(this).children(), 0); }
  lastElementChild() {
    const children = select(this).children();
    return at(children, children.size() - 1);
  }
  nextSibling() { return relative(this, 'nextSibling'); }
  previousSibling() { return relative(this, 'previousSibling'); }
  nextElementSibling() { return relative(this, 'nextElementSibling'); }
  previousElementSibling() { return relative(this, 'previousElementSibling'); }
  parentNode() { return relative(this, 'parentNode'); }
  parentElement() { return relative(this, 'parentElement'); }
  ownerDocument() { return relative(this, 'ownerDocument'); }
  contains(other) { return n.htmlCompare(this, asElement(other), 'contains'); }
  isSameNode(other) { return n.htmlCompare(this, asElement(other), 'same'); }
  isEqualNode(other) { return n.htmlCompare(this, asElement(other), 'equal'); }
  isDefaultNamespace() { return this.namespaceURI() === html; }
  matches(selector) { return select(this).is(text(selector)); }
  querySelector(selector) { return at(n.htmlFind(select(this), text(selector)).first(), 0); }
  querySelectorAll(selector) { return all(n.htmlFind(select(this), text(selector))); }
  getElementsByTagName(name) { return all(n.htmlFind(select(this), text(name))); }
  getElementsByClassName(name) { return all(n.htmlFind(select(this), `.${text(name)}`)); }
}
const asElement = (value) => (value instanceof Element ? value : undefined);

// Whole numbers as Go reads them, and others.
const integer = (value, otherwise) => {
  if (value === undefined || !/^[+-]?\d+$/.test(value)) return otherwise;
  const number = Number(value);
  return number >= 2 ** 63 || number < -(2 ** 63) ? otherwise : number;
};
const float = (value) => (value !== undefined && /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value) ? Number(value) : undefined);

// Makers of methods: the text of an attribute, whether there is one, a number, one of several words.
const word = (name) => function () { return attribute(this, name) ?? ''; };
const has = (name) => function () { return attribute(this, name) !== undefined; };
const number = (name, otherwise = 0) => function () { return integer(attribute(this, name), otherwise); };
const among = (name, words, otherwise) => function () {
  const value = attribute(this, name);
  return words.split(' ').includes(value) ? value : otherwise;
};
// An address, whole where it is known where the page is from.
const address = (name) => function () {
  const value = attribute(this, name) ?? '';
  if (n.htmlUrl(this) === '' || attribute(this, name) === undefined) return value;
  return n.htmlAddress(this, value)?.text ?? '';
};
const always = (value) => () => value;
const inside = (selector) => function () { return all(select(this).find(selector)); };
const firstInside = (selector) => function () { return at(select(this).children(selector), 0); };
const content = function () { return n.htmlText(this); };
const page = (element) => select(relative(element, 'ownerDocument'));
const quoted = (value) => `"${value.replace(/["\\]/g, '\\$&').replace(/\n/g, '\\a ')}"`;

const referrerPolicy = among('referrerpolicy', 'no-referrer no-referrer-when-downgrade origin origin-when-cross-origin unsafe-url', '');
const crossOrigin = among('crossorigin', 'anonymous use-credentials', undefined);
const enctypes = 'application/x-www-form-urlencoded multipart/form-data text/plain';
const enctype = (name) => among(name, enctypes, 'application/x-www-form-urlencoded');
const autocomplete = among('autocomplete', 'on off', 'on');

// The form around an element, else the one that it names.
function form() {
  const around = select(this).closest('form');
  if (around.size() > 0) return at(around, 0);
  const named = attribute(this, 'form');
  return named ? at(page(this).find(`#${named}`), 0) : undefined;
}
function ownForm() { return at(select(this).closest('form'), 0); }
// The label around an element, and those that name it.
function labels() {
  const id = attribute(this, 'id');
  const around = select(this).closest('label');
  return all(id ? around.add(`label[for=${quoted(id)}]`) : around);
}
const options = inside('option');
const chosen = (element) => select(element).find('option[selected]');
const place = (element, around, of) => Math.max(around.find(of).index(select(element)), 0);

// The parts of the address of a link.
const usual = { http: '80', https: '443', ftp: '21' };
const nowhere = { scheme: '', username: '', password: '', host: '', hostname: '', port: '', path: '', query: '', fragment: '', origin: '', text: '' };
const part = (read) => function () {
  const value = attribute(this, 'href');
  return read((value !== undefined && n.htmlAddress(this, value)) || nowhere, this);
};
const link = {
  accessKey: word('accesskey'),
  download: word('download'),
  hash: part((it) => it.fragment && `#${it.fragment}`),
  host: part((it) => (it.port === usual[it.scheme] ? it.host.replace(/:\d+$/, '') : it.host)),
  hostname: part((it) => it.hostname),
  href: address('href'),
  hrefLang: word('hreflang'),
  origin: part((it, element) => (it.scheme === 'file' ? element.href() : it.origin)),
  password: part((it) => it.password),
  pathname: part((it) => it.path),
  port: part((it) => it.port),
  protocol: part((it) => it.scheme || ':'),
  referrerPolicy,
  rel: word('rel'),
  relList() { return listed(this); },
  search: part((it) => it.query && `?${it.query}`),
  target: word('target'),
  text: content,
  toString: address('href'),
  type: word('type'),
  username: part((it) => it.username),
};
const listed = (element) => (attribute(element, 'rel') ?? '' ? attribute(element, 'rel').split(' ') : []);
const media = {
  autoplay: has('autoplay'),
  controls: has('controls'),
  crossOrigin,
  currentSrc: word('src'),
  defaultMuted: has('muted'),
  loop: has('loop'),
  mediaGroup: word('mediagroup'),
  muted: has('muted'),
  preload: among('preload', 'none metadata auto', 'auto'),
  src: address('src'),
  textTracks: inside('track'),
};
// What a field does not say of how it is sent, its form says.
const orForm = (name, read, own) => function () {
  const element = attribute(this, name) === undefined ? form.call(this) : undefined;
  return element === undefined ? own.call(this) : read.call(element);
};
const isPost = (name) => function () { return (attribute(this, name) ?? '').toLowerCase() === 'post' ? 'post' : 'get'; };
const field = {
  accessKey: word('accesskey'),
  autofocus: has('autofocus'),
  disabled: has('disabled'),
  form,
  formAction: orForm('formaction', address('action'), address('formaction')),
  formEnctype: orForm('formenctype', enctype('enctype'), enctype('formenctype')),
  formMethod: orForm('formmethod', isPost('method'), isPost('formmethod')),
  formNoValidate: orForm('formnovalidate', has('novalidate'), has('formnovalidate')),
  formTarget: orForm('formtarget', word('target'), word('formtarget')),
  labels,
  name: word('name'),
  tabIndex: number('tabindex'),
};
const cell = {
  cellIndex() { return place(this, select(this).closest('tr'), 'th,td'); },
  colSpan: number('colspan', 1),
  headers: word('headers'),
  rowSpan: number('rowspan', 1),
};
const section = { rows: inside('tr') };
const change = { cite: word('cite'), datetime: word('datetime') };

// By the name of the element: its methods, and the name that k6 has for those it shares with others.
const methods = {
  a: () => [link, 'href_element'],
  area: () => [link, 'href_element'],
  audio: () => [media, 'media_element'],
  base: () => [{ href: address('href'), target: word('target') }],
  button: () => [{ ...field, type: among('type', 'submit button menu reset', 'submit'), value: word('value') }, 'form_field_element'],
  canvas: () => [{ height: number('height', 150), width: number('width', 150) }],
  col: () => [{ span() { return Math.max(integer(attribute(this, 'span'), 1), 1); } }],
  data: () => [{ value: word('value') }],
  datalist: () => [{ options }],
  del: () => [change, 'mod_element'],
  embed: () => [{ height: word('height'), src: word('src'), type: word('type'), width: word('width') }],
  fieldset: () => [{ disabled: has('disabled'), elements: inside('input,select,button,textarea'), form, name: word('name'), type: always('fieldset'), validity: always(undefined) }],
  form: () => [{
    acceptCharset: word('accept-charset'), action: address('action'), autocomplete, elements: inside('input,select,button,textarea,fieldset'), encoding: enctype('enctype'), enctype: enctype('enctype'),
    length() { return this.elements().length; },
    method: among('method', 'get post', 'get'), name: word('name'), noValidate: has('novalidate'), target: word('target'),
  }],
  iframe: () => [{ allowfullscreen: has('allowfullscreen'), height: word('height'), name: word('name'), referrerPolicy, src: address('src'), width: word('width') }],
  img: () => [{
    alt: word('alt'), crossOrigin, currentSrc: address('src'), height: number('height'), isMap: has('ismap'), name: word('name'), referrerPolicy, sizes: word('sizes'), src: address('src'), srcset: word('srcset'),
    useMap: word('usemap'), width: number('width'),
  }],
  input: () => [{
    ...field, accept: word('accept'), alt: word('alt'), autocomplete, checked: has('checked'), defaultChecked: has('checked'), defaultValue: word('value'), dirName: word('dirname'), height: word('height'),
    list() { return attribute(this, 'list') ? at(page(this).find(`datalist[id=${quoted(attribute(this, 'list'))}]`), 0) : undefined; },
    max: word('max'), maxLength: number('maxlength', -1), min: word('min'), multiple: has('multiple'), pattern: word('pattern'), placeholder: word('placeholder'), readonly: has('readonly'),
    required: has('required'), size: number('size'), src: address('src'), step: word('step'), value: word('value'), width: word('width'),
    type: among('type', 'button checkbox color date datetime-local email file hidden image month number password radio range reset search submit tel text time url week', 'text'),
  }, 'form_field_element'],
  ins: () => [change, 'mod_element'],
  keygen: () => [{ autofocus: has('autofocus'), challenge: word('challenge'), disabled: has('disabled'), form, keytype: among('keytype', 'RSA DSA EC', 'RSA'), labels, name: word('name'), type: always('keygen') }],
  label: () => [{ control() { return attribute(this, 'for') ? at(page(this).find(`#${attribute(this, 'for')}`), 0) : undefined; }, form, htmlFor: word('for') }],
  legend: () => [{ accessKey: word('accesskey'), form: ownForm }],
  li: () => [{ type: among('type', '1 a A i I disc circle square', ''), value: number('value') }],
  link: () => [{
    crossOrigin, href: address('href'), hreflang: word('hreflang'), media: word('media'), referrerPolicy, rel: word('rel'), relList() { return listed(this); }, target: word('target'), type: word('type'),
  }],
  // k6 looks for images in a way that finds none.
  map: () => [{ areas: inside('area'), images: () => [], name: word('name') }],
  meta: () => [{ content: word('content'), httpEquiv: among('http-equiv', 'content-type default-style refresh', 'content-type'), name: word('name') }],
  meter: () => [{ high: number('high'), labels, low: number('low'), max: number('max'), min: number('min'), optimum: number('optimum') }],
  object: () => [{
    data: address('data'), form, height: word('height'), name: word('name'), tabIndex: number('tabindex'), type: word('type'), typeMustMatch: has('typemustmatch'), useMap: word('usemap'), width: word('width'),
  }],
  ol: () => [{ reversed: has('reversed'), start: number('start'), type: among('type', '1 a A i I', '1') }],
  optgroup: () => [{ disabled: has('disabled'), label: word('label') }],
  option: () => [{
    defaultSelected: has('selected'),
    disabled() { return attribute(this, 'disabled') !== undefined || select(this).closest('optgroup').attr('disabled') !== undefined; },
    form() { return form.call(at(select(this).closest('select'), 0) ?? this); },
    index() { return place(this, select(this).closest('select,datalist'), 'option'); },
    label() { return attribute(this, 'label') ?? n.htmlText(this); },
    selected: has('selected'), text: content,
    value() { return attribute(this, 'value') ?? n.htmlInner(this); },
  }],
  output: () => [{ defaultValue: content, form, htmlFor: word('for'), labels, name: word('name'), type: always('output'), value: content }],
  param: () => [{ name: word('name'), value: word('value') }],
  pre: () => [{ name: word('name'), value: word('value') }],
  progress: () => [{
    labels,
    max() {
      const most = float(attribute(this, 'max'));
      return most >= 0 ? most : 1;
    },
    position() {
      const value = float(attribute(this, 'value'));
      return value >= 0 ? value / this.max() : -1;
    },
    value() { return Math.max(this.position(), 0); },
  }],
  script: () => [{
    async: has('async'), charset: word('charset'), crossOrigin: word('crossorigin'), defer: has('defer'), noModule: has('nomodule'), src: address('src'), text: content, type: word('type'),
  }],
  select: () => [{
    autofocus: has('autofocus'), disabled: has('disabled'), form, labels, length() { return this.options().length; }, multiple: has('multiple'), name: word('name'), options, required: has('required'),
    selectedIndex() {
      const first = chosen(this);
      return first.size() > 0 ? select(this).find('option').index(first) : -1;
    },
    selectedOptions() { return all(chosen(this)); },
    size() { return attribute(this, 'multiple') === undefined ? 1 : 4; },
    tabIndex: number('tabindex'),
    type() { return attribute(this, 'multiple') === undefined ? 'select' : 'select-multiple'; },
    value() {
      const first = chosen(this);
      return first.size() > 0 ? first.val() : '';
    },
  }],
  source: () => [{ keySystem: word('keysystem'), media: word('media'), sizes: word('sizes'), src: address('src'), srcset: word('srcset'), type: word('type') }],
  style: () => [{ media: word('media'), type() { return attribute(this, 'type') || 'text/css'; } }],
  table: () => [{ caption: firstInside('caption'), rows: inside('tr'), sortable: has('sortable'), tBodies: inside('tbody'), tFoot: firstInside('tfoot'), tHead: firstInside('thead') }],
  tbody: () => [section, 'table_section_element'],
  td: () => [cell, 'table_cell_element'],
  textarea: () => [{
    accessKey: word('accesskey'), autocapitalize: among('autocapitalize', 'none off characters words sentences', 'sentences'), autocomplete, cols: number('cols'), defaultValue: word('value'), form, labels,
    length() { return n.bytes(this.value()).byteLength; },
    maxLength: number('maxlength'), placeholder: word('placeholder'), readOnly: has('readonly'), required: has('required'), rows: number('rows'), tabIndex: number('tabindex'), type: always('textarea'),
    value: word('value'), wrap: among('wrap', 'soft hard off', 'soft'),
  }],
  tfoot: () => [section, 'table_section_element'],
  th: () => [{ ...cell, abbr: word('abbr'), scope: among('scope', 'row col rowgroup colgroup', ''), sorted: has('sorted') }, 'table_cell_element'],
  thead: () => [section, 'table_section_element'],
  time: () => [{ datetime: word('datetime') }],
  title: () => [{ text: content }],
  tr: () => [{
    cells: inside('th,td'),
    rowIndex() { return place(this, select(this).closest('table'), 'tr'); },
    sectionRowIndex() { return place(this, select(this).closest('thead,tbody,tfoot'), 'tr'); },
  }],
  track: () => [{ default: has('default'), kind: among('kind', 'subtitle captions descriptions chapters metadata', 'subtitle'), label: word('label'), src: address('src'), srclang: word('srclang') }],
  ul: () => [{ type: word('type') }],
  video: () => [media, 'media_element'],
};

// The prototypes, each made when there is the first such element.
const made = new Map();
function kinds(name) {
  if (!made.has(name)) made.set(name, Object.hasOwn(methods, name) ? make(...methods[name]()) : Element.prototype);
  return made.get(name);
}
function make(own, group) {
  const prototype = Object.create(Element.prototype);
  for (const [name, value] of Object.entries(own)) Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
  const plain = { get() { return n.htmlAs(this, Element.prototype); }, configurable: true };
  Object.defineProperty(prototype, 'element', plain);
  if (group) Object.defineProperty(prototype, group, { get() { return this; }, configurable: true });
  return prototype;
}

Object.defineProperty(n, 'elements', { value: { at, all } });
