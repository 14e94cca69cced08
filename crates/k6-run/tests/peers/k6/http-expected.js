// Statuses that are no failure.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
export const options = { iterations: 1 };
export default function () {
  http.setResponseCallback(http.expectedStatuses(200, 404, { min: 500, max: 502 }));
  http.get(`${B}/status/404`);
  http.get(`${B}/status/501`);
  http.get(`${B}/status/503`);
  http.get(`${B}/status/403`, { responseCallback: http.expectedStatuses(403) });
}
