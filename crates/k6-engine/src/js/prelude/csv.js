// The module `k6/experimental/csv`: rows of a file, kept once for all virtual users.
import 'k6/data';
const n = globalThis.__k6;

function read(file, given, what) {
  if (file === undefined || file === null || file.__file === undefined) throw new Error(`csv ${what}'s first argument must be a fs.File instance`);
  const options = { delimiter: ',', skipFirstLine: false, fromLine: 0, toLine: null, asObjects: false };
  for (const [key, value] of Object.entries(given ?? {})) if (value !== undefined && value !== null) options[key] = value;
  // k6 takes 0 for no end.
  if (options.toLine === 0) options.toLine = null;
  const start = what === 'parse' ? 'failed to interpret the provided' : 'encountered an error while interpreting';
  const wrong = (reason) => new Error(`${start} Parser options; reason: ${reason}`);
  const refused = (reason) => new Error(`failed to create a new parser; reason: ${reason}`);
  if ([...String(options.delimiter)].length !== 1) throw wrong('delimiter must be a single character');
  if (options.toLine !== null && options.fromLine > 0 && options.fromLine >= options.toLine) throw wrong('fromLine must be less than or equal to toLine');
  if (options.fromLine < 0) throw refused(`the 'fromLine' option must be greater than or equal to 0; got ${options.fromLine}`);
  if (options.asObjects && options.skipFirstLine) throw refused("the 'header' option cannot be enabled when 'skipFirstLine' is true");
  if (options.asObjects && options.fromLine > 0) throw refused("the 'header' option cannot be enabled when 'fromLine' is set to a value greater than 0");
  const skips = options.asObjects || options.skipFirstLine || options.fromLine > 0;
  if (skips && file.__file.at >= file.__file.size) throw refused('failed to read the first line; reason: EOF');
  return options;
}

export async function parse(file, given) {
  const options = read(file, given, 'parse');
  const state = file.__file;
  const id = n.csvParse(state.id, state.at, String(options.delimiter), options.skipFirstLine, options.fromLine, options.toLine ?? -1, options.asObjects);
  state.at = state.size;
  return n.sharedProxy(id);
}

export class Parser {
  constructor(file, given) {
    const options = read(file, given, 'Parser');
    const state = file.__file;
    let line = 0;
    const row = () => {
      const [at, fields] = n.csvNext(state.id, state.at, String(options.delimiter));
      state.at = at;
      if (fields !== null) line += 1;
      return fields;
    };
    const names = options.asObjects ? row() : undefined;
    if (options.skipFirstLine && options.fromLine === 0) row();
    while (line < options.fromLine && row() !== null);
    Object.defineProperty(this, 'next', {
      enumerable: true,
      value: async () => {
        const fields = options.toLine !== null && line > options.toLine ? null : row();
        if (fields === null) return { done: true, value: [] };
        if (names === undefined) return { done: false, value: fields };
        return { done: false, value: Object.fromEntries(names.map((name, place) => [name, fields[place]])) };
      },
    });
  }
}
export default { parse, Parser };
