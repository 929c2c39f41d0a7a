// What a live run deploys: the actions of the trace as documents an OpenWhisk controller would hold, and the model
// store they need, built where it is missing.
import type { ActionDocument } from '../../common/action-document.ts';
import { actionKeyOf } from '../../common/action-identity.ts';
import { packageAction } from '../../actions/package-action.ts';

const version = '0.0.1';
/** OpenWhisk's longest time limit by default. */
const timeoutMs = 300_000;
const logsMegabytes = 10;

/** Packages each action as a zip action of the kind `nodejs:instainfer`, all with the same memory limit. */
export async function deployableActions(names: readonly string[], memoryMegabytes: number): Promise<ActionDocument[]> {
  return Promise.all(
    names.map(async (name): Promise<ActionDocument> => {
      const { zip, annotations } = await packageAction(name);
      const qualifiedName = `guest/${name}`;
      return {
        actionKey: actionKeyOf(qualifiedName, version),
        qualifiedName,
        version,
        kind: 'nodejs:instainfer',
        main: 'main',
        code: zip.toString('base64'),
        binary: true,
        limits: { memoryMegabytes, timeoutMs, logsMegabytes, concurrency: 1 },
        annotations: { ...Object.fromEntries(annotations.map(({ key, value }) => [key, value])), 'provide-api-key': false },
      };
    }),
  );
}
