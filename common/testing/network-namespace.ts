// A network namespace with one cable to this machine, which a test can pull: a process in it loses the broker and the
// database as in a partition, and not its own containers. For Linux as root with ip(8).
import { execFileSync, spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { createServer, connect, type Server, type Socket } from 'node:net';
import path from 'node:path';

const relayMain = path.resolve(import.meta.dirname, 'relay-main.js');

/** Why there can be no namespace here; undefined where there can be. */
export function whyNoNetworkNamespace(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'network namespaces need Linux and root';
  const probe = `iinprobe${process.pid}`;
  try {
    execFileSync('ip', ['netns', 'add', probe], { stdio: 'pipe' });
    execFileSync('ip', ['netns', 'delete', probe], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `ip netns does not work here: ${String(error).split('\n')[0]}`;
  }
}

function ip(...parts: string[]): void {
  execFileSync('ip', parts, { stdio: 'pipe' });
}

export class NetworkNamespace {
  private readonly name: string;
  private readonly cable: string;
  private readonly hostAddress: string;
  private readonly relays: Server[] = [];
  private readonly sockets = new Set<Socket>();
  private readonly children: ChildProcess[] = [];

  private constructor(name: string, subnet: number) {
    this.name = name;
    this.cable = `iin${process.pid % 100_000}h`;
    this.hostAddress = `10.213.${subnet}.1`;
    ip('netns', 'add', name);
    ip('link', 'add', this.cable, 'type', 'veth', 'peer', 'name', 'cable0', 'netns', name);
    ip('address', 'add', `${this.hostAddress}/30`, 'dev', this.cable);
    ip('link', 'set', this.cable, 'up');
    this.inside('ip', 'address', 'add', `10.213.${subnet}.2/30`, 'dev', 'cable0');
    this.inside('ip', 'link', 'set', 'cable0', 'up');
    this.inside('ip', 'link', 'set', 'lo', 'up');
  }

  /**
   * @param ports of this machine's 127.0.0.1 that a process in the namespace finds at its own, as long as the cable is in:
   *   brokers and databases tell addresses of their own, which have to hold on both sides
   */
  static async create(ports: readonly number[]): Promise<NetworkNamespace> {
    const namespace = new NetworkNamespace(`instainfer-test-${process.pid}`, process.pid % 250);
    try {
      const pairs = await Promise.all(ports.map(async (port) => `${port}:${await namespace.relayTo(port)}`));
      const relay = namespace.spawn(process.execPath, [relayMain, namespace.hostAddress, ...pairs], { stdio: ['ignore', 'pipe', 'inherit'] });
      if (relay.stdout !== null) await once(relay.stdout, 'data');
      return namespace;
    } catch (error) {
      await namespace.remove();
      throw error;
    }
  }

  spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.name, command, ...args], options);
    this.children.push(child);
    return child;
  }

  pullCable(): void {
    ip('link', 'set', this.cable, 'down');
  }

  plugCable(): void {
    ip('link', 'set', this.cable, 'up');
  }

  async remove(): Promise<void> {
    for (const child of this.children) child.kill('SIGKILL');
    for (const relay of this.relays) relay.close();
    for (const socket of this.sockets) socket.destroy();
    ip('netns', 'delete', this.name);
    await Promise.resolve();
  }

  private inside(...command: string[]): void {
    ip('netns', 'exec', this.name, ...command);
  }

  /** Listens at this end of the cable for what goes to a port of 127.0.0.1; resolves to the port it listens on. */
  private async relayTo(port: number): Promise<number> {
    const server = createServer((socket) => {
      const onward = connect(port, '127.0.0.1');
      // A cable that is gone tells nobody: what is open is closed by hand in the end.
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
      socket.pipe(onward).pipe(socket);
      for (const [one, other] of [[socket, onward], [onward, socket]] as const) {
        one.on('error', () => other.destroy());
        one.on('close', () => other.destroy());
      }
    });
    this.relays.push(server);
    server.listen(0, this.hostAddress);
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has no port');
    return address.port;
  }
}
