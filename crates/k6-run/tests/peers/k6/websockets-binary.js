// Bytes come as blobs, or as buffers where the script asks for them.
import { WebSocket } from 'k6/experimental/websockets';
import { W, tell } from './lib/sockets.js';
const attempt = (name, work) => {
  try {
    tell(name, work());
  } catch (err) {
    tell(name, err.message);
  }
};
export default function () {
  const blobs = new WebSocket(`${W}/binary/5`);
  blobs.onmessage = async (event) => {
    const data = event.data;
    tell(data.size, data.type, String(data));
    tell(new Uint8Array(await data.arrayBuffer()).join(), (await data.bytes()).join(), (await data.text()).length, (await data.slice(1, 3).bytes()).join());
    blobs.close();
  };
  const buffers = new WebSocket(`${W}/binary/5`);
  buffers.binaryType = 'arraybuffer';
  attempt('type', () => (buffers.binaryType = 'text'));
  tell(buffers.binaryType);
  buffers.onmessage = (event) => {
    tell(event.data instanceof ArrayBuffer, new Uint8Array(event.data).join());
    buffers.close();
  };
  const sender = new WebSocket(`${W}/echo`);
  sender.onopen = () => {
    for (const odd of [5, 1.5, null, undefined, true, { a: 1 }, [1], new DataView(new ArrayBuffer(3))]) attempt(`send ${typeof odd}`, () => sender.send(odd));
    sender.close();
  };
}
