// Lets one builder at a time write to a model store. The lock is an abstract Unix socket (Linux): the kernel frees it
// when its owner ends, however it ends, so there is no stale lock; who waits is told by its connection closing.
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { hasCode } from './file-sink.ts';

function listen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.on('error', () => socket.destroy()));
    server.once('error', (error) => (hasCode(error, 'EADDRINUSE') ? resolve(undefined) : reject(error)));
    server.listen(address, () => resolve(server));
  });
}

/** Resolves when whoever listens at the address is gone, or `signal` aborts. */
function untilFree(address: string, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(address);
    const finish = (): void => {
      signal?.removeEventListener('abort', finish);
      socket.destroy();
      resolve();
    };
    socket.on('error', finish);
    socket.on('close', finish);
    signal?.addEventListener('abort', finish);
  });
}

/**
 * Waits for the lock of `directory`, which must exist, and resolves to the function that frees it.
 * `onWait` is called once if another builder holds it.
 */
export async function lockStore(directory: string, options: { signal?: AbortSignal | undefined; onWait?: () => void } = {}): Promise<() => Promise<void>> {
  const hash = createHash('sha256').update(await realpath(directory)).digest('hex');
  const address = `\0instainfer-model-store-${hash.slice(0, 32)}`;
  let hasWaited = false;
  for (;;) {
    options.signal?.throwIfAborted();
    const server = await listen(address);
    if (server !== undefined) {
      const connections = new Set<{ destroy(): void }>();
      server.on('connection', (socket) => connections.add(socket));
      return () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          for (const socket of connections) socket.destroy();
        });
    }
    if (!hasWaited) options.onWait?.();
    hasWaited = true;
    await untilFree(address, options.signal);
  }
}
