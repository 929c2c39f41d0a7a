// The live view of a system as server-sent events: `history` once, `status` when something has changed, `activation` for each
// that was answered. A reader that does not keep up misses states between, never the last one; one that reads nothing at
// all is cut off, and learns the rest from `history` when it comes back.
import type { Response } from 'express';
import type { Clock } from '../../common/clock.ts';
import { ApiError } from '../api/api-error.ts';
import type { ObservedSystem } from '../observed-system.ts';
import { activationView, RecentPast } from './recent-past.ts';
import { concerns, systemStatus } from './system-status.ts';

/** Least time between two states. */
const betweenStatesMs = 250;
/** Time after which a state is sent although nothing has changed: what it says of the future has. Ends what a proxy would hold open. */
const idleMs = 5000;
const mostReaders = 64;
/** What may wait for a reader, in bytes. */
const mostBehind = 1024 * 1024;

export class LiveEvents {
  private readonly system: ObservedSystem;
  private readonly clock: Clock;
  private readonly past = new RecentPast();
  private readonly readers = new Set<Reader>();

  constructor(system: ObservedSystem, clock: Clock) {
    this.system = system;
    this.clock = clock;
    system.onStep(() => {
      this.past.sample(system, clock.now());
      for (const reader of this.readers) reader.hasChanged();
    });
    system.onFinished((finished) => {
      const view = activationView(finished, clock.now());
      this.past.add(view);
      for (const reader of this.readers) if (concerns(view.action, reader.namespace)) reader.send('activation', view);
    });
  }

  /** Answers with a stream that ends when the caller ends it. @throws ApiError 503 */
  stream(response: Response, namespace: string): void {
    if (this.readers.size >= mostReaders) throw new ApiError(503, `${mostReaders} readers follow this server already. Close one of them.`);
    response.status(200).set({ 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    response.flushHeaders();
    const reader = new Reader(response, namespace, this.clock, () => systemStatus(this.system, namespace, this.clock.now()));
    this.readers.add(reader);
    response.once('close', () => {
      this.readers.delete(reader);
      reader.end();
    });
    reader.send('history', this.past.of(namespace));
    reader.hasChanged();
  }
}

class Reader {
  readonly namespace: string;
  private readonly response: Response;
  private readonly clock: Clock;
  private readonly statusNow: () => unknown;
  private lastStateAt = -Infinity;
  private isDue = false;
  private cancel: () => void = () => undefined;

  constructor(response: Response, namespace: string, clock: Clock, statusNow: () => unknown) {
    this.response = response;
    this.namespace = namespace;
    this.clock = clock;
    this.statusNow = statusNow;
  }

  /** The state goes out now, or once the last one is old enough. */
  hasChanged(): void {
    if (this.isDue) return;
    this.isDue = true;
    this.arm(this.lastStateAt + betweenStatesMs);
  }

  send(event: string, data: unknown): void {
    if (this.response.writableLength > mostBehind) this.response.destroy();
    else this.response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  end(): void {
    this.cancel();
    this.isDue = true;
  }

  private arm(at: number): void {
    this.cancel();
    this.cancel = this.clock.setTimer(at, () => {
      this.lastStateAt = this.clock.now();
      this.isDue = false;
      // The states it has not read yet are not worth a further one.
      if (this.response.writableLength === 0) this.send('status', this.statusNow());
      else this.isDue = true;
      this.arm(this.lastStateAt + (this.isDue ? betweenStatesMs : idleMs));
    });
  }
}
