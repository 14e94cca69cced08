// A summary of its own.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () { http.get(`${B}/echo`); check(1, { ok: true }); }
export function handleSummary(data) {
  return { stdout: `${Object.keys(data.metrics).filter((m) => m.startsWith('http_req_')).sort().join()} ${data.metrics.checks.values.passes} ${data.root_group.checks[0].name}\n` };
}
