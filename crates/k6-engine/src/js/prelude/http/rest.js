// What few scripts use of `k6/http`: evaluated when one does.
const n = globalThis.__k6;

const form = (name) => encodeURIComponent(name).replace(/%20/g, '+').replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());

function utf8(text) {
  return n.bytes(text);
}

// A value as Go writes it, which is what k6 sends of it.
function written(value) {
  if (value === undefined || value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(written).join(' ')}]`;
  if (typeof value === 'object') {
    const pairs = Object.keys(value).sort();
    return `map[${pairs.map((key) => `${key}:${written(value[key])}`).join(' ')}]`;
  }
  return String(value);
}

// Bodies that are neither text nor bytes: a form, with files a multipart one. Called from native code.
function encode(body) {
  const entries = Object.entries(body);
  if (!entries.some(([, value]) => value instanceof FileData)) {
    const pairs = [];
    for (const [key, value] of entries.sort((a, b) => (a[0] < b[0] ? -1 : 1))) {
      for (const one of Array.isArray(value) ? value : [value]) {
        pairs.push(`${form(key)}=${form(written(one))}`);
      }
    }
    return [pairs.join('&'), 'application/x-www-form-urlencoded'];
  }
  const boundary = n.uuid().replace(/-/g, '');
  const parts = [];
  const quote = (text) => String(text).replace(/\\/g, '\\\\').replace(/"/g, '\\"');
  for (const [key, value] of entries) {
    if (value instanceof FileData) {
      parts.push(utf8(`--${boundary}\r\nContent-Disposition: form-data; name="${quote(key)}"; filename="${quote(value.filename)}"\r\nContent-Type: ${value.content_type}\r\n\r\n`));
      parts.push(typeof value.data === 'string' ? utf8(value.data) : value.data);
      parts.push(utf8('\r\n'));
    } else {
      parts.push(utf8(`--${boundary}\r\nContent-Disposition: form-data; name="${quote(key)}"\r\n\r\n${written(value)}\r\n`));
    }
  }
  parts.push(utf8(`--${boundary}--\r\n`));
  const views = parts.map((part) => (part instanceof ArrayBuffer ? new Uint8Array(part) : new Uint8Array(part.buffer, part.byteOffset, part.byteLength)));
  const whole = new Uint8Array(views.reduce((sum, view) => sum + view.length, 0));
  let at = 0;
  for (const view of views) {
    whole.set(view, at);
    at += view.length;
  }
  return [whole.buffer, `multipart/form-data; boundary=${boundary}`];
}

class FileData {
  constructor(data, filename, contentType) {
    this.data = data;
    this.filename = filename || String(Date.now() * 1e6);
    this.content_type = contentType || 'application/octet-stream';
  }
}

function json(...given) {
  if (this.body === null) throw failure("the body is null so we can't transform it to JSON - this likely was because of a request error getting the response");
  const text = typeof this.body === 'string' ? this.body : n.text(this.body);
  if (given.length > 0) {
    const found = n.jsonAt(text, String(given[0]));
    return found === undefined ? undefined : JSON.parse(found);
  }
  let parsed;
  try {
    parsed = JSON.parse(text);
  } catch (err) {
    throw failure(`cannot parse json due to an error: ${err.message}`);
  }
  return parsed;
}

function toJSON() {
  const plain = {};
  for (const key of ['remote_ip', 'remote_port', 'url', 'status', 'status_text', 'proto', 'headers', 'cookies', 'body', 'timings', 'tls_version', 'tls_cipher_suite', 'ocsp', 'error', 'error_code', 'request']) {
    plain[key] = this[key];
  }
  return plain;
}

function html(...given) {
  return n.html.read(this, ...given);
}
function submitForm(...given) {
  return n.html.submitForm(this, ...given);
}
function clickLink(...given) {
  return n.html.clickLink(this, ...given);
}

class CookieJar {
  #id;
  constructor(id) {
    this.#id = id === undefined ? n.newJar() : id;
    Object.defineProperty(this, '__jar', { value: this.#id });
  }
  cookiesForURL(url) {
    return n.jarCookies(this.#id, String(url));
  }
  set(url, name, value, options) {
    return n.jarSet(this.#id, String(url), String(name), String(value), options || {});
  }
  clear(url) {
    n.jarRemove(this.#id, String(url), undefined);
  }
  delete(url, name) {
    n.jarRemove(this.#id, String(url), String(name));
  }
}

function asyncRequest(method, url, body, params) {
  return new Promise((resolve, reject) => {
    n.asyncRequest(resolve, reject, method, url, body, params);
  });
}

// Requests as lists of method, address, body and parameters. One that is none is a text, which says why.
function batch(...given) {
  if (given.length === 0) throw failure('no argument was provided to http.batch()');
  const [requests] = given;
  if (typeof requests !== 'object' || requests === null) throw failure(`invalid http.batch() argument type ${kind(requests)}`);
  const keys = Object.keys(requests);
  const calls = keys.map((key) => {
    const one = requests[key];
    if (Array.isArray(one)) return one.length < 2 ? `invalid batch request '${quoted(one)}'` : [one[0], one[1], one[2], one[3]];
    if (typeof one !== 'object' || one === null || one.__url) return ['GET', one, undefined, undefined];
    return one.url === undefined ? `batch request ${key} doesn't have a url key` : [one.method || 'GET', one.url, one.body, one.params];
  });
  const answers = n.batch(calls);
  if (Array.isArray(requests)) return answers;
  const named = {};
  keys.forEach((key, place) => {
    named[key] = answers[place];
  });
  return named;
}

const failure = (message) => {
  const error = new Error(message);
  error.name = 'GoError';
  return error;
};
// The kind of a value and a list of values, in the words of Go.
const kind = (value) => {
  if (value === undefined || value === null) return '<nil>';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return { string: 'string', boolean: 'bool' }[typeof value] || 'map[string]interface {}';
};
const quoted = (list) => `[]interface {}{${list.map((one) => (typeof one === 'string' ? JSON.stringify(one) : written(one))).join(', ')}}`;

function url(parts, ...values) {
  if (!Array.isArray(parts)) throw new TypeError(`could not convert function call parameter 0: could not convert ${parts} to []string`);
  let whole = parts[0];
  let name = parts[0];
  values.forEach((value, place) => {
    whole += String(value) + parts[place + 1];
    name += '${}' + parts[place + 1];
  });
  const made = { name, url: whole, clean_url: whole };
  Object.defineProperties(made, { __url: { value: true }, toString: { value: () => whole } });
  return made;
}

function file(data, filename, contentType) {
  const isBytes = data instanceof ArrayBuffer || ArrayBuffer.isView(data);
  if (typeof data !== 'string' && !isBytes) throw failure(`invalid type ${kind(data)}, expected string or ArrayBuffer`);
  return new FileData(data, filename, contentType);
}

function expectedStatuses(...statuses) {
  if (statuses.length === 0) throw failure('no arguments');
  const ranges = statuses.map((one, place) => {
    if (Number.isInteger(one)) return [one, one];
    const isRange = typeof one === 'object' && one !== null && one.min !== undefined && one.max !== undefined;
    if (!isRange) throw failure(`argument number ${place + 1} to expectedStatuses was neither an integer nor an object like {min:100, max:329}`);
    if (!Number.isInteger(one.min) || !Number.isInteger(one.max)) throw failure(`both min and max need to be integers for argument number ${place + 1}`);
    return [one.min, one.max];
  });
  return Object.defineProperty({}, '__ranges', { value: ranges });
}

let shared;
function cookieJar() {
  const id = n.currentJar();
  if (!shared || shared.__jar !== id) shared = new CookieJar(id);
  return shared;
}

Object.defineProperty(n, 'rest', { value: { encode, json, toJSON, html, submitForm, clickLink, CookieJar: () => new CookieJar(), asyncRequest, batch, url, file, expectedStatuses, cookieJar } });
