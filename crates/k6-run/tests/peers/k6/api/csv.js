// Rows of a file, all at once and one by one.
import { open } from 'k6/experimental/fs';
import csv from 'k6/experimental/csv';
import { check } from 'k6';
export const options = { scenarios: { each: { executor: 'per-vu-iterations', vus: 2 } } };
const file = () => open('../data/rows.csv');
const said = {};
for (const given of [{}, { skipFirstLine: true }, { asObjects: true }, { fromLine: 1, toLine: 2 }, { toLine: 0 }, { delimiter: ',,' }, { fromLine: -1 }, { fromLine: 3, toLine: 1 }, { asObjects: true, fromLine: 1 }, { asObjects: true, skipFirstLine: true }]) {
  try {
    const rows = await csv.parse(await file(), given);
    said[JSON.stringify(given)] = [rows.length, rows[0], rows];
  } catch (err) {
    said[JSON.stringify(given)] = String(err.message ?? err);
  }
}
const plain = new csv.Parser(await file(), { skipFirstLine: true });
const named = new csv.Parser(await file(), { asObjects: true });
const part = new csv.Parser(await file(), { fromLine: 1, toLine: 2 });
const all = async (parser) => {
  const rows = [];
  for (;;) {
    const { done, value } = await parser.next();
    if (done) return rows;
    rows.push(value);
  }
};
// In k6 the fields of an object have no order of their own.
const sorted = (_, it) => (it && typeof it === 'object' && !Array.isArray(it) ? Object.fromEntries(Object.entries(it).sort()) : it);
export default async function () {
  said.plain = await all(plain);
  said.named = await all(named);
  said.part = await all(part);
  for (const [key, value] of Object.entries(said)) check(null, { [`${key} ${JSON.stringify(value, sorted)}`]: true });
}
