// What can go wrong, with its number: names, connections, answers that are none.
import http from 'k6/http';
import { told, throws, said } from './lib/told.js';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
const look = (r) => [r.status, r.status_text, r.error_code, r.proto, r.remote_ip, r.request.method];
export default function () {
  for (const path of ['close', 'short', 'garbage', 'length', 'chunks', 'gzipped', 'odd', 'bare', 'old', 'early', 'status/204', 'status/304', 'status/404', 'status/500', 'status/599']) told(path, () => [look(http.get(`${B}/${path}`)), typeof http.get(`${B}/${path}`).body === 'string']);
  told('refused', () => [http.get('http://127.0.0.1:1/').error, look(http.get('http://127.0.0.1:1/'))]);
  told('no such host', () => [http.get('http://nosuch.invalid/').error, look(http.get('http://nosuch.invalid/'))]);
  told('timeout', () => [http.get(`${B}/slow/2000`, { timeout: '100ms' }).error, look(http.get(`${B}/slow/2000`, { timeout: 100 }))]);
  told('loop', () => look(http.get(`${B}/loop`)));
  told('TLS where there is none', () => http.get(`${B.replace('http', 'https')}/text\n`).error_code);
  told('head', () => { const r = http.head(`${B}/text`); return [r.status, r.body, r.headers]; });
}
