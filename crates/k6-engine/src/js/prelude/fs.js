// The module `k6/experimental/fs`: files that all virtual users share, each with a place of its own.
const n = globalThis.__k6;
export const SeekMode = { Start: 0, Current: 1, End: 2 };

function failed(name, message) {
  const err = new TypeError(message);
  if (name !== 'TypeError') Object.defineProperty(err, 'name', { value: name, configurable: true });
  return err;
}

class File {
  constructor(id, path, size) {
    const state = { id, at: 0, size };
    Object.defineProperty(this, '__file', { value: state });
    this.path = path;
    this.read = async (into) => {
      if (!(into instanceof Uint8Array)) throw failed('TypeError', 'read() failed; reason: into argument must be a Uint8Array');
      if (into.length === 0) throw failed('TypeError', 'read() failed; reason: into argument must have a length > 0');
      if (state.at >= size) return null;
      const bytes = new Uint8Array(n.fsRead(id, state.at, into.length));
      into.set(bytes);
      state.at += bytes.length;
      return bytes.length;
    };
    this.seek = async (offset, whence) => {
      if (!Number.isInteger(offset)) throw failed('TypeError', 'seek() failed; reason: the offset argument must be a number');
      if (!Object.values(SeekMode).includes(whence)) throw failed('TypeError', 'seek() failed; reason: the whence argument must be a SeekMode');
      if (whence === SeekMode.Start && offset < 0) throw failed('TypeError', 'offset cannot be negative when using SeekModeStart');
      if (whence === SeekMode.End && offset > 0) throw failed('TypeError', 'offset cannot be positive when using SeekModeEnd');
      // k6 counts from the last byte, not from behind it.
      const at = [0, state.at, size - 1][whence] + offset;
      if (at < 0) throw failed('TypeError', 'seeking before start of file');
      if (at > size) throw failed('TypeError', 'seeking beyond end of file');
      state.at = at;
      return at;
    };
    this.stat = async () => ({ name: path.split('/').pop(), size });
  }
}

export function open(path) {
  // Called here, where the file of the script that calls is known.
  if (path === undefined || path === null) return Promise.reject(failed('TypeError', 'open() failed; reason: path cannot be null or undefined'));
  if (path === '') return Promise.reject(failed('TypeError', 'open() failed; reason: path cannot be empty'));
  try {
    const [id, whole, size] = n.fsOpen(String(path));
    if (id === -1) return Promise.reject(failed('ForbiddenError', 'open() failed; reason: opening a file is allowed only in the Init context'));
    if (id === -2) return Promise.reject(failed('NotFoundError', `no such file or directory ${JSON.stringify(whole)}`));
    return Promise.resolve(new File(id, whole, size));
  } catch (err) {
    return Promise.reject(err);
  }
}
export default { open, SeekMode };
