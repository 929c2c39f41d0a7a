// Actions for tests that are about something else: valid documents, of which a test says only what it is about.
import type { ActionDocument } from '../action-document.ts';
import { actionKeyOf } from '../action-identity.ts';

type Changes = Partial<Omit<ActionDocument, 'actionKey' | 'qualifiedName' | 'limits'>> & { readonly limits?: Partial<ActionDocument['limits']> };

/** `guest/NAME`, with the limits that OpenWhisk has by default but for the memory, 256 MB. */
export function actionDocument(name: string, { limits = {}, ...changes }: Changes = {}): ActionDocument {
  return {
    actionKey: actionKeyOf(`guest/${name}`, changes.version),
    qualifiedName: `guest/${name}`,
    version: '0.0.1',
    kind: 'nodejs:instainfer',
    main: 'main',
    code: '',
    binary: false,
    limits: { memoryMegabytes: 256, timeoutMs: 60_000, logsMegabytes: 10, concurrency: 1, ...limits },
    annotations: {},
    ...changes,
  };
}
