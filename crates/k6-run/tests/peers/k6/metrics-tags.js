// Tags of samples.
import http from 'k6/http';
import { check, group, sleep, fail } from 'k6';
const B = __ENV.BASE_URL;
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';
const c = new Counter('my_counter');
const g = new Gauge('my_gauge');
const r = new Rate('my_rate');
const t = new Trend('my_trend', true);
export const options = { iterations: 1, thresholds: { 'my_counter{a:x}': ['count==1'], 'my_trend{a:y}': ['max<1'], 'my_counter{a:y,b:z}': ['count>1'] } };
export default function () {
  c.add(1, { a: 'x' }); c.add(1, { a: 'y', b: 'z' }); t.add(5, { a: 'x' });
}
