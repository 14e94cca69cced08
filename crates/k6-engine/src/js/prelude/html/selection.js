// What a page is read with: selections. Evaluated when a script parses a page.
const n = globalThis.__k6;
const failed = (message) => Object.defineProperty(new Error(message), 'name', { value: 'GoError', writable: true, configurable: true });
// What Go makes of arguments that are to be a text and a whole number.
const text = (value) => (value === undefined || value === null ? '' : String(value));
const whole = (value) => {
  const number = Math.trunc(Number(value));
  return Number.isFinite(number) ? number : 0;
};
const isElement = (value) => typeof value === 'object' && value !== null && typeof value.nodeName === 'function';
const kind = (value) => {
  if (value === undefined || value === null) return '<nil>';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'function') return 'func(sobek.FunctionCall) sobek.Value';
  if (value instanceof Selection) return 'html.Selection';
  if (isElement(value)) return 'html.Element';
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}';
};
const chooser = (value, takesElements) => {
  if (typeof value === 'string' || value instanceof Selection || (takesElements && isElement(value))) return value;
  throw failed(`invalid argument, cannot use a '${kind(value)}' as a selector`);
};
// A text that is no selector chooses nothing; what is not given chooses all.
const wanted = (given, place) => (given.length > place ? text(given[place]) || '!' : undefined);
const where = (all, asked, is) => {
  const places = [];
  for (let place = 0, end = all.size(); place < end; place += 1) {
    if (Boolean(asked.call(asked, place, n.htmlAt(all, place, Selection.prototype, false))) === is) places.push(place);
  }
  return n.htmlPick(all, places);
};
const until = (from, relation, given) => {
  const last = given[0] === undefined || given[0] === null ? undefined : chooser(given[0]) || '!';
  return n.htmlRelated(from, relation, last, wanted(given, 1));
};

class Selection {
  get url() { return n.htmlUrl(this); }
  toJSON() { return { url: this.url }; }
  find(what) { return n.htmlFind(this, chooser(what)); }
  add(what) { return n.htmlAdd(this, chooser(what, true)); }
  not(what) { return typeof what === 'function' ? where(this, what, false) : n.htmlKeep(this, chooser(what), 'not'); }
  has(what) { return n.htmlKeep(this, chooser(what, true), 'has'); }
  closest(what) { return n.htmlClosest(this, chooser(what, true)); }
  filter(what) {
    if (typeof what === 'function') return where(this, what, true);
    if (typeof what !== 'string' && !(what instanceof Selection)) throw failed('the argument to filter() must be a function, a selector or a selection');
    return n.htmlKeep(this, what, 'filter');
  }
  is(what) {
    if (typeof what === 'function') return where(this, what, true).size() > 0;
    if (typeof what !== 'string' && !(what instanceof Selection)) throw failed('the argument to is() must be a function, a selector or a selection');
    return n.htmlKeep(this, what, 'filter').size() > 0;
  }
  children(...given) { return n.htmlRelated(this, 'children', undefined, wanted(given, 0)); }
  contents() { return n.htmlRelated(this, 'contents'); }
  parent(...given) { return n.htmlRelated(this, 'parent', undefined, wanted(given, 0)); }
  parents(...given) { return n.htmlRelated(this, 'parents', undefined, wanted(given, 0)); }
  parentsUntil(...given) { return until(this, 'parents', given); }
  next(...given) { return n.htmlRelated(this, 'next', undefined, wanted(given, 0)); }
  nextAll(...given) { return n.htmlRelated(this, 'nextAll', undefined, wanted(given, 0)); }
  nextUntil(...given) { return until(this, 'nextAll', given); }
  prev(...given) { return n.htmlRelated(this, 'prev', undefined, wanted(given, 0)); }
  prevAll(...given) { return n.htmlRelated(this, 'prevAll', undefined, wanted(given, 0)); }
  prevUntil(...given) { return until(this, 'prevAll', given); }
  siblings(...given) { return n.htmlRelated(this, 'siblings', undefined, wanted(given, 0)); }
  end() { return n.htmlEnd(this); }
  size() { return n.htmlSize(this); }
  text() { return n.htmlText(this); }
  html() { return n.htmlInner(this); }
  attr(name, otherwise) {
    const value = n.htmlAttribute(this, text(name));
    return value === undefined ? otherwise : value;
  }
  eq(place) {
    const at = whole(place);
    const size = this.size();
    const found = at < 0 ? at + size : at;
    return n.htmlPick(this, found >= 0 && found < size ? [found] : []);
  }
  first() { return this.eq(0); }
  last() { return this.eq(-1); }
  slice(start, ...ends) {
    const size = this.size();
    const place = (value) => Math.min(Math.max(whole(value) < 0 ? whole(value) + size : whole(value), 0), size);
    const places = [];
    for (let at = place(start), end = ends.length ? place(ends[0]) : size; at < end; at += 1) places.push(at);
    return n.htmlPick(this, places);
  }
  get(...given) {
    if (given.length === 0) return n.elements.all(this);
    const at = whole(given[0]);
    return n.elements.at(this, at < 0 ? at + this.size() : at);
  }
  toArray() { return Array.from({ length: this.size() }, (_, place) => n.htmlAt(this, place, Selection.prototype, true)); }
  index(...given) {
    if (given.length === 0) return n.htmlIndex(this);
    if (typeof given[0] === 'string') return n.htmlIndex(this, given[0] || '!');
    return given[0] instanceof Selection ? n.htmlIndex(this, given[0]) : -1;
  }
  each(work) {
    if (typeof work !== 'function') throw failed('the argument to each() must be a function');
    for (let place = 0, end = this.size(); place < end; place += 1) {
      try {
        work.call(work, place, n.elements.at(this, place));
      } catch (err) {
        throw failed(`the function passed to each() failed: ${err}`);
      }
    }
    return this;
  }
  map(work) {
    if (typeof work !== 'function') throw failed('the argument to map() must be a function');
    const all = [];
    for (let place = 0, end = this.size(); place < end; place += 1) {
      try {
        all.push(work.call(work, place, n.htmlAt(this, place, Selection.prototype, false)));
      } catch {
        // As in k6, what fails is left out.
      }
    }
    return all;
  }
  val() {
    switch (n.htmlName(this)) {
      case 'input': {
        const type = this.attr('type', '');
        return this.attr('value', type === 'radio' || type === 'checkbox' ? 'on' : '');
      }
      case 'button':
        return this.attr('value', '');
      case 'option':
        return this.attr('value') ?? this.html();
      case 'textarea':
        return this.html();
      case 'select': {
        const chosen = this.first().find('option[selected]');
        if (this.attr('multiple') === undefined) return chosen.size() ? chosen.val() : '';
        return chosen.map((_, option) => option.val());
      }
      default:
        return undefined;
    }
  }
  data(...given) {
    if (given.length > 0) {
      const name = text(given[0]).replace(/[A-Z]/g, (letter, place) => `${place ? '-' : ''}${letter.toLowerCase()}`);
      return meant(n.htmlAttribute(this, `data-${name}`));
    }
    if (this.size() === 0) return undefined;
    const all = {};
    const pairs = n.htmlAttributes(this);
    for (let place = 0; place < pairs.length; place += 2) {
      if (!pairs[place].startsWith('data-') || pairs[place].length < 6) continue;
      const words = pairs[place].slice(5).split('-');
      const name = words.map((word, at) => (at ? word.charAt(0).toUpperCase() + word.slice(1) : word)).join('');
      all[name] = meant(pairs[place + 1]);
    }
    return all;
  }
  serializeArray() {
    const fields = this.is('form') ? this.find('input,select,button,textarea,keygen') : this;
    const sent = fields.filter('input,select,textarea,keygen').filter('[name]:not([name=""])').not('[type=submit],[type=button],[type=reset],[type=image],[type=file],[type=checkbox],[type=radio]');
    return sent.map((_, field) => ({ name: field.attr('name'), value: field.val() }));
  }
  serializeObject() {
    const all = {};
    for (const { name, value } of this.serializeArray()) all[name] = value;
    return all;
  }
  serialize() {
    const all = this.serializeObject();
    const pairs = [];
    for (const name of Object.keys(all).sort()) {
      for (const value of Array.isArray(all[name]) ? all[name] : [all[name]]) {
        if (value !== undefined) pairs.push(`${form(name)}=${form(value)}`);
      }
    }
    return pairs.join('&');
  }
}

// What the text of a `data-` attribute means.
function meant(value) {
  if (value === undefined || value === '' || value === 'null' || value === 'undefined') return undefined;
  if (value === 'true' || value === 'false') return value === 'true';
  if (['NaN', '+Inf', '-Inf'].includes(value)) return Number(value.replace('Inf', 'Infinity'));
  if (value[0] === '{' || value[0] === '[') {
    try {
      return JSON.parse(value);
    } catch {
      return value;
    }
  }
  return /^-?\d/.test(value) && (decimal(Number(value)) === value || value === '-0') ? Number(value) : value;
}
// A number without a power of ten.
function decimal(number) {
  const [, sign, whole, part = '', power = 0] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(number)) ?? [];
  if (Number(power) > 0) return sign + (whole + part).padEnd(Number(power) + 1, '0');
  return Number(power) < 0 ? `${sign}0.${'0'.repeat(-power - 1)}${whole}${part}` : String(number);
}

function parse(source, url) {
  return n.htmlParse(text(source), Selection.prototype, url);
}

// The methods of answers.
function read(answer, ...given) {
  const { body } = answer;
  if (body === null) throw failed("the body is null so we can't transform it to HTML - this likely was because of a request error getting the response");
  const page = parse(typeof body === 'string' ? body : n.text(body), answer.url);
  return given.length > 0 ? page.find(String(given[0])) : page;
}
// What is nothing has no properties, and is refused as such.
const asked = (given) => Object(given ?? Object.keys(given));
const option = (given, name, otherwise) => (Object.hasOwn(given, name) ? given[name] : otherwise);
const resolved = (page, link, query) => {
  const address = n.htmlAddress(page, link, query);
  if (address === undefined) throw failed(`parse "${link}": invalid URL`);
  return address.text;
};
const form = (value) => encodeURIComponent(value).replace(/%20/g, '+').replace(/[!'()*]/g, (it) => `%${it.charCodeAt(0).toString(16).toUpperCase()}`);

function clickLink(answer, ...args) {
  const given = args.length ? asked(args[0]) : {};
  const selector = String(option(given, 'selector', 'a[href]'));
  const page = read(answer);
  const link = page.find(selector).first();
  if (link.size() === 0) throw failed(`no element found for selector '${selector}' in response '${answer.url}'`);
  const href = link.attr('href');
  if (href === undefined) throw failed(`no valid href attribute value found on element '${selector}' in response '${answer.url}'`);
  return n.get(resolved(page, href), given.params);
}

function submitForm(answer, ...args) {
  const given = args.length ? asked(args[0]) : {};
  const selector = String(option(given, 'formSelector', 'form'));
  const page = read(answer);
  const sent = page.find(selector);
  if (sent.size() === 0) throw failed(`no form found for selector '${selector}' in response '${answer.url}'`);
  const method = sent.attr('method', 'GET').toUpperCase();
  const fields = sent.serializeObject();
  // k6 sends the list that it has of what was selected as its text.
  if (method !== 'GET') for (const [name, value] of Object.entries(fields)) if (Array.isArray(value)) fields[name] = `[${value.join(' ')}]`;
  const button = sent.find(String(option(given, 'submitSelector', '[type="submit"]'))).first();
  if (button.size() > 0) fields[button.attr('name')] = button.val();
  for (const [name, value] of Object.entries(given.fields ?? {})) fields[name] = value;
  const action = sent.attr('action', '');
  if (method !== 'GET') return n.request(method || 'GET', resolved(page, action), fields, given.params);
  const query = Object.keys(fields).sort().map((name) => `${form(name)}=${form(String(fields[name]))}`);
  return n.get(resolved(page, action, query.join('&')), given.params);
}

Object.defineProperty(n, 'html', { value: { parse, Selection, text, whole, read, clickLink, submitForm } });
