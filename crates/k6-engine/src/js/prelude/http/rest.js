// What few scripts use of `k6/http`: evaluated when one does.
const n = globalThis.__k6;

const form = (name) => encodeURIComponent(name).replace(/%20/g, '+').replace(/[!'()*~]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());

function utf8(text) {
  return n.bytes(text);
}

// Bodies that are neither text nor bytes: a form, with files a multipart one. Called from native code.
function encode(body) {
  const entries = Object.entries(body);
  if (!entries.some(([, value]) => value instanceof FileData)) {
    const pairs = [];
    for (const [key, value] of entries.sort((a, b) => (a[0] < b[0] ? -1 : 1))) {
      for (const one of Array.isArray(value) ? value : [value]) {
        pairs.push(`${form(key)}=${form(typeof one === 'object' && one !== null ? JSON.stringify(one) : one)}`);
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
      parts.push(utf8(`--${boundary}\r\nContent-Disposition: form-data; name="${quote(key)}"\r\n\r\n${value}\r\n`));
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

// One step of a path such as `users.0.name` or `users.#.name` through parsed JSON.
function select(value, path) {
  const steps = path.match(/(\\.|[^.])+/g) || [];
  const walk = (at, index) => {
    if (index === steps.length || at === undefined || at === null) return at;
    const step = steps[index].replace(/\\(.)/g, '$1');
    if (step === '#' && Array.isArray(at)) {
      if (index === steps.length - 1) return at.length;
      return at.map((one) => walk(one, index + 1)).filter((one) => one !== undefined);
    }
    const query = /^#\((.+?)(==|!=|<=|>=|<|>)(.+)\)(#?)$/.exec(step);
    if (query && Array.isArray(at)) {
      const wanted = JSON.parse(query[3]);
      const test = { '==': (a) => a == wanted, '!=': (a) => a != wanted, '<': (a) => a < wanted, '>': (a) => a > wanted, '<=': (a) => a <= wanted, '>=': (a) => a >= wanted }[query[2]];
      const found = at.filter((one) => test(walk.call(null, one?.[query[1]], steps.length)));
      return query[4] ? found.map((one) => walk(one, index + 1)) : walk(found[0], index + 1);
    }
    return walk(Object.prototype.hasOwnProperty.call(Object(at), step) ? at[step] : undefined, index + 1);
  };
  return walk(value, 0);
}

function json(selector) {
  if (this.body === null) throw new Error("the body is null so we can't transform it to JSON - this likely was because of a request error getting the response");
  const text = typeof this.body === 'string' ? this.body : n.text(this.body);
  let parsed;
  try {
    parsed = JSON.parse(text);
  } catch (err) {
    throw new Error(`cannot parse json due to an error: ${err.message}`);
  }
  return selector === undefined ? parsed : select(parsed, selector);
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

function batch(requests) {
  const keys = Object.keys(requests);
  const isList = Array.isArray(requests);
  const calls = keys.map((key) => {
    const one = requests[key];
    if (Array.isArray(one)) return [one[0], one[1], one[2], one[3]];
    if (typeof one === 'object' && one !== null && !one.__url) return [one.method || 'GET', one.url, one.body, one.params];
    return ['GET', one, undefined, undefined];
  });
  const answers = n.batch(calls);
  if (isList) return answers;
  const named = {};
  keys.forEach((key, place) => {
    named[key] = answers[place];
  });
  return named;
}

function url(parts, ...values) {
  let whole = parts[0];
  let name = parts[0];
  values.forEach((value, place) => {
    whole += String(value) + parts[place + 1];
    name += '${}' + parts[place + 1];
  });
  return { __url: true, url: whole, name, toString: () => whole };
}

function file(data, filename, contentType) {
  return new FileData(data, filename, contentType);
}

function expectedStatuses(...statuses) {
  if (statuses.length === 0) throw new Error('no arguments');
  const ranges = statuses.map((one) => {
    if (typeof one === 'number' && Number.isInteger(one)) return [one, one];
    if (typeof one === 'object' && one !== null && Number.isInteger(one.min) && Number.isInteger(one.max)) return [one.min, one.max];
    throw new Error('argument is neither an integer nor an object like {min:100, max:329}');
  });
  return { __ranges: ranges };
}

let shared;
function cookieJar() {
  const id = n.currentJar();
  if (!shared || shared.__jar !== id) shared = new CookieJar(id);
  return shared;
}

Object.defineProperty(n, 'http', { value: { encode, json, toJSON, html, submitForm, clickLink, CookieJar, asyncRequest, batch, url, file, expectedStatuses, cookieJar } });
