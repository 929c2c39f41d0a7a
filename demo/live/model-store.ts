// Makes sure that the model store holds what a replay needs and that it is sound, building what it lacks.
import { AppError } from '../../common/errors.ts';
import { isModelName, isPipelineName, modelNames, pipelineNames } from '../../actions/zoo/architectures/index.ts';
import { buildZoo } from '../../actions/zoo/build-zoo.ts';
import { defaultStoreDirectory } from '../../actions/zoo/default-directory.ts';
import { KnownFiles } from '../../actions/zoo/known-files.ts';
import { printProgressTo } from '../../actions/zoo/print-progress.ts';
import { requireSound, verifyStore } from '../../actions/zoo/verify-store.ts';

export interface ModelStoreRequest {
  /** Names of the actions of the replay, each named after its model or pipeline. */
  readonly names: readonly string[];
  readonly small: boolean;
  readonly signal: AbortSignal;
  /** Where progress is shown. */
  readonly output: NodeJS.WriteStream;
}

/**
 * @returns the store's folder; an aborted build leaves it as it was.
 * @throws AppError BAD_OPTION for an action with neither in the zoo, DISK_FULL when the store does not fit,
 *   MODEL_CORRUPT when a file has another checksum than the manifest says
 */
export async function ensureModelStore(request: ModelStoreRequest): Promise<string> {
  const stranger = request.names.find((name) => !isModelName(name) && !isPipelineName(name));
  if (stranger !== undefined) throw new AppError('BAD_OPTION', `There is no action ${stranger} in the demo.`, `Choose from ${[...modelNames, ...pipelineNames].join(', ')}.`);
  const size = request.small ? 'small' : 'full';
  const directory = defaultStoreDirectory(size);
  await buildZoo({
    directory,
    size,
    models: request.names.filter(isModelName),
    pipelines: request.names.filter(isPipelineName),
    signal: request.signal,
    onProgress: printProgressTo(request.output),
  }).catch((error: unknown) => {
    if (!request.signal.aborted) throw error;
  });
  if (!request.signal.aborted) requireSound(await verifyStore(directory, undefined, await KnownFiles.open(directory)));
  return directory;
}
