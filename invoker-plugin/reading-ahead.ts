// Carries out what the scheduler decides about the page cache: has model files read, and says what memory the host has for
// files. It decides nothing.
import type { CancelTimer, Clock } from '../common/clock.ts';
import { describeError } from '../common/errors.ts';
import type { Logger } from '../common/logger.ts';
import type { ReadAhead, StopReading } from './core/commands.ts';
import type { SchedulerConfig } from './core/config.ts';
import type { FileId, ReadAheadEnded, ReadingOutcome, SchedulerEvent } from './core/events.ts';

export type ReadingResult = Pick<ReadAheadEnded, 'outcome' | 'files' | 'diskBytes'>;

/** Whoever has a path to the model store of the host. */
export interface ModelFileReader {
  /** Memory that files may take: free, or held by page cache that the kernel can take back; undefined where that is not known. */
  cacheableBytes(): number | undefined;
  /** Reads the files one after the other, no faster than that. @throws where one cannot be read */
  read(files: readonly FileId[], bytesPerSecond: number, signal: AbortSignal): Promise<ReadingResult>;
}

export interface ReadingAheadOptions {
  readonly reader: ModelFileReader;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emit: (event: SchedulerEvent) => void;
}

/** How often the host's memory is looked at, and by how much it has to differ to be told. */
const memoryPeriodMs = 10_000;
const toldChange = 0.1;

export class ReadingAhead {
  private readonly options: ReadingAheadOptions;
  private toldBytes = 0;
  private cancelTimer: CancelTimer | undefined;
  private underWay: AbortController | undefined;
  private hasFailed = false;

  constructor(options: ReadingAheadOptions) {
    this.options = options;
  }

  /** Tells the host's memory, now and whenever it has changed; where it is not known nothing is ever read. */
  start(): void {
    const { clock, emit, reader } = this.options;
    const cacheableBytes = reader.cacheableBytes();
    if (cacheableBytes === undefined) return;
    if (Math.abs(cacheableBytes - this.toldBytes) > toldChange * this.toldBytes) {
      this.toldBytes = cacheableBytes;
      emit({ type: 'hostMemory', at: clock.now(), cacheableBytes });
    }
    this.cancelTimer = clock.setTimer(clock.now() + memoryPeriodMs, () => this.start());
  }

  /** Ends what is being read. */
  stop(): void {
    this.cancelTimer?.();
    this.underWay?.abort();
  }

  async execute(command: ReadAhead | StopReading): Promise<void> {
    if (command.type === 'stopReading') {
      this.underWay?.abort();
      return;
    }
    const { clock, emit } = this.options;
    const { actionKey } = command;
    const startedAt = clock.now();
    const result = await this.read(command);
    emit({ type: 'readAheadEnded', at: clock.now(), actionKey, ...result, tookMs: Math.max(0, clock.now() - startedAt) });
  }

  private async read({ actionKey, files, bytesPerSecond }: ReadAhead): Promise<ReadingResult> {
    const controller = new AbortController();
    this.underWay = controller;
    try {
      return await this.options.reader.read(files, bytesPerSecond, controller.signal);
    } catch (error) {
      // Said once: a store that this process may not read is one that it does not read ahead.
      if (!this.hasFailed) this.options.logger.warn({ actionKey, reason: describeError(error) }, 'model files cannot be read ahead');
      this.hasFailed = true;
      return { outcome: 'failed' satisfies ReadingOutcome, files: [] };
    } finally {
      this.underWay = undefined;
    }
  }
}

/** What reads ahead for a scheduler; undefined where it does not load ahead or is not to read ahead, or nobody has a path to the store. */
export function readingAhead({ preload, readAheadBytesPerSecond }: SchedulerConfig, { reader, ...more }: Omit<ReadingAheadOptions, 'reader'> & { readonly reader: ModelFileReader | undefined }): ReadingAhead | undefined {
  return reader === undefined || !preload || readAheadBytesPerSecond === 0 ? undefined : new ReadingAhead({ reader, ...more });
}
