// Options of every command that schedules: the invoker's, the standalone server's and attach's tables have them in common.
import { listOption, numberOption, textOption, type OptionDefinition } from '../common/config.ts';
import { usualWeighing } from '../invoker-plugin/core/config.ts';

/** Of a rate. */
export const bytesPerMb = 1e6;

/** Of the commands that run actions. */
export const concurrencyMaxOption = numberOption({ flag: 'concurrency-max', env: 'INSTAINFER_CONCURRENCY_MAX', envAliases: ['CONFIG_whisk_concurrencyLimit_max'], description: "OpenWhisk's whisk.concurrency-limit.max: the most activations that a container runs at once, for actions whose own limit allows it.", valueName: 'N', min: 1, max: 10_000, integer: true, defaultValue: 1 });

export const concurrentLoadsOption = numberOption({ flag: 'concurrent-loads', env: 'INSTAINFER_CONCURRENT_LOADS', description: 'Loads ahead of calls that may run at once.', valueName: 'N', min: 1, max: 64, integer: true, defaultValue: 1 });

export const readAheadOption = numberOption({ flag: 'read-ahead', env: 'INSTAINFER_READ_AHEAD', description: 'Model files are read into the page cache ahead of loads, at most so many MB a second, where the host has memory for them; 0: not at all.', valueName: 'MB', min: 0, max: 100_000, defaultValue: usualWeighing.readAheadBytesPerSecond / bytesPerMb });

/** Of the commands that start containers. */
export const memoryPriceOption = numberOption({ flag: 'memory-price', env: 'INSTAINFER_MEMORY_PRICE', description: 'Milliseconds of startup that a GiB of containers held for a second has to save under pagurus with pre-loading; 0 starts and keeps containers as if memory cost nothing.', valueName: 'MS', min: 0, max: 1000, defaultValue: usualWeighing.memoryPriceMsPerGibSecond });

/** @param description what it is to the command */
export function modelStoreOption(description: string): OptionDefinition<string | undefined> {
  return textOption({ flag: 'model-store', env: 'INSTAINFER_MODEL_STORE', description, valueName: 'DIR' });
}

/** What actions may ask of the scheduler. */
export const wishOptions = {
  wishesFrom: listOption({ flag: 'wishes-from', env: 'INSTAINFER_WISHES_FROM', description: 'Namespaces whose actions may ask to be pinned, or for a priority above 1 (docs/actions.md); * is all, and nobody where it is not given.', valueName: 'NAME,NAME' }),
  mostPinnedMemory: numberOption({ flag: 'most-pinned-memory', env: 'INSTAINFER_MOST_PINNED_MEMORY', description: 'Share of the memory of all containers that pinned models and libraries may take.', valueName: 'SHARE', min: 0, max: 1, defaultValue: usualWeighing.mostPinnedShare }),
};
