// What a server that schedules does with a model store besides loading from it: it guesses what loads will take, and keeps when
// each model was used.
import path from 'node:path';
import type { ActionDocument } from '../common/action-document.ts';
import type { Clock } from '../common/clock.ts';
import type { LoadEstimate } from '../common/load-estimate.ts';
import type { Logger } from '../common/logger.ts';
import type { SchedulerCommand } from '../invoker-plugin/core/commands.ts';
import type { ModelFileReader } from '../invoker-plugin/reading-ahead.ts';
import { FileReader } from '../runtime/model-store/file-reader.ts';
import { estimatorOf } from '../runtime/model-store/load-estimate.ts';
import { declaredBy } from '../runtime/protocol.ts';
import { UseRecorder } from '../runtime/model-store/model-uses.ts';

export interface ModelStoreUse {
  /** To be asked when an action is deployed. */
  readonly estimate: (action: ActionDocument) => LoadEstimate;
  /** Reads the store's files ahead of loads; undefined where there is no path to it. */
  readonly fileReader: ModelFileReader | undefined;
  /** To be called after every step of the scheduler. */
  readonly observe: (commands: readonly SchedulerCommand[]) => void;
  /** Writes what is not written yet. */
  readonly close: () => Promise<void>;
}

/** @param modelStore undefined: there is none, and nothing is kept */
export function modelStoreUse(modelStore: string | undefined, clock: Clock, logger: Logger): ModelStoreUse {
  const estimate = estimatorOf(modelStore);
  if (modelStore === undefined) return { estimate: sayingOnce(estimate, logger), fileReader: undefined, observe: () => undefined, close: () => Promise.resolve() };
  const recorder = new UseRecorder({ storeDir: path.resolve(modelStore), clock, logger });
  return {
    estimate: (action) => {
      recorder.learn(action);
      return estimate(action);
    },
    fileReader: new FileReader(modelStore),
    observe: (commands) => {
      for (const command of commands) if (command.type === 'startActivation' || command.type === 'load') recorder.used(command.actionKey);
    },
    close: () => recorder.close(),
  };
}

/** Containers may have a store that this process has no path to. */
function sayingOnce(estimate: ModelStoreUse['estimate'], logger: Logger): ModelStoreUse['estimate'] {
  let isSaid = false;
  return (action) => {
    const { models, pipelines = [] } = declaredBy(action.annotations['preload']);
    if (!isSaid && [...models, ...pipelines].some(({ store }) => store !== undefined)) {
      isSaid = true;
      logger.info({ actionKey: action.actionKey }, 'model files are not read ahead, nor their loads estimated: --model-store is not given');
    }
    return estimate(action);
  };
}
