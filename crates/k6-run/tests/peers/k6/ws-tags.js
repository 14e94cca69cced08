// What samples of connections carry: own tags, groups, the answer.
import ws from 'k6/ws';
import { check, group } from 'k6';
import exec from 'k6/execution';
import { W } from './lib/sockets.js';
export const options = { tags: { run: 'a' }, systemTags: ['url', 'name', 'status', 'subproto', 'ip', 'group', 'scenario', 'method', 'proto', 'error', 'error_code'] };
export default function () {
  exec.vu.metrics.tags.vu_tag = 'b';
  const talk = (path, params) => ws.connect(`${W}/${path}`, params, (socket) => {
    socket.on('open', () => socket.ping());
    socket.on('pong', () => group('inner', () => socket.send('x')));
    socket.on('message', () => {
      check(1, { heard: true });
      socket.close();
    });
  });
  talk('echo', {});
  talk('echo?a=1#part', {});
  group('outer', () => talk('echo', { tags: { a: 1, url: 'mine', name: 'named', status: 'x', vu_tag: 'c' } }));
  talk('protocol', { headers: { 'Sec-WebSocket-Protocol': 'one, two' } });
  talk('foreign', { tags: { empty: '', number: 1.5, yes: true } });
}
