// What is known of a certificate where there is none.
import http from 'k6/http';
import { told, throws, said } from './lib/told.js';
export const options = { iterations: 1 };
export default function () {
  const r = http.get(`${__ENV.BASE_URL}/text`);
  told('ocsp', () => r.ocsp);
  told('tls', () => [r.tls_version, r.tls_cipher_suite]);
  told('timings', () => Object.keys(r.timings).sort());
  told('request', () => Object.keys(r.request).sort());
}
