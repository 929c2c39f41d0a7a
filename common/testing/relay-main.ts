// Runs inside a network namespace: what connects to a port of its 127.0.0.1 is connected to a port at the other end of the
// cable. Arguments: the address of the other end, then `port:portThere` for each.
import { connect, createServer } from 'node:net';

const [address = '', ...pairs] = process.argv.slice(2);
let waiting = pairs.length;
for (const pair of pairs) {
  const [port, portThere] = pair.split(':').map(Number);
  const server = createServer((socket) => {
    const onward = connect(portThere ?? 0, address);
    socket.pipe(onward).pipe(socket);
    for (const [one, other] of [[socket, onward], [onward, socket]] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  server.listen(port, '127.0.0.1', () => {
    waiting -= 1;
    if (waiting === 0) process.stdout.write('ready\n');
  });
}
