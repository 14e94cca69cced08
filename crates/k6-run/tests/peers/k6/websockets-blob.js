// Blobs that a script makes.
import { Blob } from 'k6/experimental/websockets';
import { tell } from './lib/sockets.js';
export default async function () {
  const blob = new Blob(['zwölf', new Uint8Array([33, 34]), new Uint8Array([35]).buffer], { type: 'text/plain' });
  tell(blob.size, blob.type, await blob.text(), (await blob.bytes()).join());
  const part = blob.slice(1, 4, 'a/b');
  tell(part.size, part.type, (await part.bytes()).join());
  tell(blob.slice(2).size, new Blob().size, new Blob(['a', new Blob(['bc'])]).size);
}
