// The four kinds.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';
const c = new Counter('my_counter');
const g = new Gauge('my_gauge');
const r = new Rate('my_rate');
const t = new Trend('my_trend', true);
export const options = { iterations: 1 };
export default function () {
  c.add(2); c.add(3.5);
  g.add(7); g.add(2);
  r.add(true); r.add(0); r.add(1);
  t.add(1); t.add(2); t.add(10);
}
