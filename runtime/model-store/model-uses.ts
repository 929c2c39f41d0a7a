// When each model of a store was used last, kept beside its manifest by whoever schedules: containers may only read a store.
// It deletes nothing.
import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { ActionDocument } from '../../common/action-document.ts';
import type { ActionKey } from '../../common/action-identity.ts';
import type { CancelTimer, Clock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import { declaredBy } from '../protocol.ts';

export const usesFileName = 'uses.json';
/** By reference, `name` or `name@version` as actions declare them, in epoch ms. */
const usesSchema = z.object({ formatVersion: z.literal(1), usedAt: z.record(z.string(), z.number()) });
export type ModelUses = Readonly<Record<string, number>>;

/** Empty where nobody has kept any, or they cannot be read: then nothing is known to be used. */
export async function readUses(storeDir: string): Promise<ModelUses> {
  try {
    return usesSchema.parse(JSON.parse(await readFile(path.join(storeDir, usesFileName), 'utf8'))).usedAt;
  } catch {
    return {};
  }
}

export interface UseRecorderOptions {
  readonly storeDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Least time between two writes, in ms. */
  readonly everyMs?: number;
}

export class UseRecorder {
  private readonly options: UseRecorderOptions;
  private readonly declared = new Map<ActionKey, readonly string[]>();
  private readonly fresh = new Map<string, number>();
  private cancel: CancelTimer | undefined;
  private writing: Promise<void> = Promise.resolve();
  private hasFailed = false;

  constructor(options: UseRecorderOptions) {
    this.options = options;
  }

  /** What the action's annotation declares. */
  learn({ actionKey, annotations }: Pick<ActionDocument, 'actionKey' | 'annotations'>): void {
    const { models, pipelines = [] } = declaredBy(annotations['preload']);
    const references = [...models, ...pipelines].flatMap(({ store }) => (store === undefined ? [] : [store]));
    if (references.length > 0) this.declared.set(actionKey, references);
  }

  /** The action is called, or loaded ahead: it uses its models. */
  used(actionKey: ActionKey): void {
    const { clock, everyMs = 60_000 } = this.options;
    for (const reference of this.declared.get(actionKey) ?? []) this.fresh.set(reference, Math.floor(clock.now()));
    if (this.fresh.size === 0 || this.cancel !== undefined) return;
    this.cancel = clock.setTimer(clock.now() + everyMs, () => {
      this.cancel = undefined;
      this.write();
    });
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    this.cancel?.();
    this.write();
    await this.writing;
  }

  private write(): void {
    const fresh = Object.fromEntries(this.fresh);
    this.fresh.clear();
    if (Object.keys(fresh).length > 0) this.writing = this.writing.then(() => this.merge(fresh));
  }

  /** Of two that write at once one may lose a minute of uses, never the file. */
  private async merge(fresh: ModelUses): Promise<void> {
    const { storeDir, logger } = this.options;
    const unfinished = path.join(storeDir, `.${usesFileName}-${randomUUID()}`);
    try {
      const usedAt = { ...(await readUses(storeDir)), ...fresh };
      await writeFile(unfinished, `${JSON.stringify({ formatVersion: 1, usedAt })}\n`);
      await rename(unfinished, path.join(storeDir, usesFileName));
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => undefined);
      // Said once: a store that may only be read is a choice.
      if (!this.hasFailed) logger.warn({ storeDir, reason: describeError(error) }, 'when models are used cannot be kept: models gc knows nothing of it');
      this.hasFailed = true;
    }
  }
}
