// What a container engine tells of containers as it happens: start, pause, end. It reconnects by itself and says so, since
// whatever happened in between was missed.
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { z } from 'zod';
import type { CancelTimer, Clock } from '../../common/clock.ts';

const eventSchema = z.object({ Action: z.string(), Actor: z.object({ ID: z.string() }) });
const actions = ['start', 'pause', 'die', 'destroy'] as const;
export type ContainerAction = (typeof actions)[number];

export interface EngineEventsOptions {
  readonly engine: Docker;
  readonly clock: Clock;
  readonly onEvent: (action: ContainerAction, dockerId: string) => void;
  /** Listening, for the first time or again: everything has to be looked at. */
  readonly onListening: () => void;
  readonly onLost: (error: unknown) => void;
}

const reconnectMs = 1000;

export class EngineEvents {
  private readonly options: EngineEventsOptions;
  private stream: Readable | undefined;
  private cancelTimer: CancelTimer = () => undefined;
  private isClosed = false;

  constructor(options: EngineEventsOptions) {
    this.options = options;
  }

  /** @throws when the engine does not answer now */
  async start(): Promise<void> {
    const stream = (await this.options.engine.getEvents({ filters: { type: ['container'], event: [...actions] } })) as unknown as Readable;
    if (this.isClosed) {
      stream.destroy();
      return;
    }
    this.stream = stream;
    createInterface({ input: stream, crlfDelay: Infinity }).on('line', (line) => {
      this.take(line);
    });
    stream.once('close', () => {
      this.lost(new Error('the engine closed the stream of its events'));
    });
    stream.on('error', () => {
      stream.destroy();
    });
    this.options.onListening();
  }

  close(): void {
    this.isClosed = true;
    this.cancelTimer();
    this.stream?.destroy();
  }

  private take(line: string): void {
    let json: unknown;
    try {
      json = JSON.parse(line);
    } catch {
      return;
    }
    const event = eventSchema.safeParse(json);
    const action = actions.find((known) => event.success && known === event.data.Action);
    if (event.success && action !== undefined) this.options.onEvent(action, event.data.Actor.ID);
  }

  private lost(error: unknown): void {
    if (this.isClosed) return;
    const { clock, onLost } = this.options;
    onLost(error);
    this.cancelTimer = clock.setTimer(clock.now() + reconnectMs, () => {
      this.start().catch((reason: unknown) => {
        this.lost(reason);
      });
    });
  }
}
