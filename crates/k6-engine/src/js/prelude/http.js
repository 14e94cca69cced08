// The module `k6/http`. What is asked for often goes straight to native code; the rest is evaluated
// when a script first calls it.
const n = globalThis.__k6;
export const { get, head, post, put, patch, del, options, request, setResponseCallback } = n;
export const asyncRequest = (...all) => n.http.asyncRequest(...all);
export const batch = (...all) => n.http.batch(...all);
export const url = (...all) => n.http.url(...all);
export const file = (...all) => n.http.file(...all);
export const expectedStatuses = (...all) => n.http.expectedStatuses(...all);
export const cookieJar = () => n.http.cookieJar();
export function CookieJar() {
  return new n.http.CookieJar();
}

const constants = {
  TLS_1_0: 'tls1.0', TLS_1_1: 'tls1.1', TLS_1_2: 'tls1.2', TLS_1_3: 'tls1.3',
  OCSP_REASON_UNSPECIFIED: 'unspecified', OCSP_REASON_KEY_COMPROMISE: 'key_compromise', OCSP_REASON_CA_COMPROMISE: 'ca_compromise',
  OCSP_REASON_AFFILIATION_CHANGED: 'affiliation_changed', OCSP_REASON_SUPERSEDED: 'superseded', OCSP_REASON_CESSATION_OF_OPERATION: 'cessation_of_operation',
  OCSP_REASON_CERTIFICATE_HOLD: 'certificate_hold', OCSP_REASON_REMOVE_FROM_CRL: 'remove_from_crl', OCSP_REASON_PRIVILEGE_WITHDRAWN: 'privilege_withdrawn',
  OCSP_REASON_AA_COMPROMISE: 'aa_compromise',
  OCSP_STATUS_GOOD: 'good', OCSP_STATUS_REVOKED: 'revoked', OCSP_STATUS_SERVER_FAILED: 'server_failed', OCSP_STATUS_UNKNOWN: 'unknown',
};
export const { TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3, OCSP_STATUS_GOOD, OCSP_STATUS_REVOKED, OCSP_STATUS_SERVER_FAILED, OCSP_STATUS_UNKNOWN } = constants;
export const { OCSP_REASON_UNSPECIFIED, OCSP_REASON_KEY_COMPROMISE, OCSP_REASON_CA_COMPROMISE, OCSP_REASON_AFFILIATION_CHANGED, OCSP_REASON_SUPERSEDED } = constants;
export const { OCSP_REASON_CESSATION_OF_OPERATION, OCSP_REASON_CERTIFICATE_HOLD, OCSP_REASON_REMOVE_FROM_CRL, OCSP_REASON_PRIVILEGE_WITHDRAWN, OCSP_REASON_AA_COMPROMISE } = constants;

export default {
  get, head, post, put, patch, del, options, request, batch, asyncRequest, url, file, expectedStatuses, setResponseCallback, cookieJar, CookieJar, ...constants,
};
