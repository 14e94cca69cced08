// Files with a place of their own in each virtual user.
import { open, SeekMode } from 'k6/experimental/fs';
import { check } from 'k6';
export const options = { vus: 2, iterations: 4 };
const told = {};
const file = await open('../data/rows.csv');
for (const [name, path] of Object.entries({ absent: 'none.csv', empty: '', nothing: undefined })) {
  try {
    await open(path);
  } catch (err) {
    told[name] = `${err.name}: ${err.message.replace(/"[^"]*"/, '"it"')}`;
  }
}
const name = async (work) => {
  try {
    return String(await work());
  } catch (err) {
    return `${err.name}: ${err.message}`;
  }
};
export default async function () {
  const bytes = new Uint8Array(10);
  const text = (count) => String.fromCharCode(...bytes.subarray(0, count));
  const said = { ...told, ...(await file.stat()), keys: Object.keys(file).join() };
  await file.seek(0, SeekMode.Start);
  said.first = text(await file.read(bytes));
  said.seek = await file.seek(2, SeekMode.Start);
  said.second = text(await file.read(bytes));
  said.end = [await file.seek(-3, SeekMode.End), text(await file.read(bytes)), await file.read(bytes)].join();
  said.beyond = await name(() => file.seek(1, SeekMode.End));
  said.before = await name(() => file.seek(-100, SeekMode.Current));
  said.whence = await name(() => file.seek(0, 9));
  said.offset = await name(() => file.seek('x', 0));
  said.into = await name(() => file.read('x'));
  said.late = await name(() => open('../data/rows.csv'));
  for (const [key, value] of Object.entries(said)) check(null, { [`${key} ${JSON.stringify(value)}`]: true });
}
