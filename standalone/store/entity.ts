// The entities that a standalone controller keeps, in OpenWhisk's own form, and the document that an invoker runs.
// Wire facts: core/entity/{WhiskAction,WhiskPackage,Exec,Limits}.scala of Apache OpenWhisk.
import { z } from 'zod';
import { actionKeyOf } from '../../common/action-identity.ts';
import type { ActionDocument } from '../../common/action-document.ts';
import { parameterSchema } from '../../common/messages/acknowledgement.ts';

export type Parameter = z.infer<typeof parameterSchema>;

const entityShape = {
  /** `namespace`, or for an action in a package `namespace/package`. */
  namespace: z.string(),
  name: z.string(),
  version: z.string(),
  publish: z.boolean(),
  /** Epoch milliseconds. */
  updated: z.number(),
  parameters: z.array(parameterSchema),
  annotations: z.array(parameterSchema),
};

export const limitsSchema = z.object({ concurrency: z.number(), logs: z.number(), memory: z.number(), timeout: z.number() });
export type Limits = z.infer<typeof limitsSchema>;

export const storedActionSchema = z.object({
  ...entityShape,
  type: z.literal('action'),
  /** Names this write: a version may be set by a user and need not change with the code. */
  revision: z.string(),
  exec: z.object({ kind: z.string(), binary: z.boolean(), main: z.string().optional() }),
  limits: limitsSchema,
});
/** An action without its code, which is kept beside it. */
export type StoredAction = z.infer<typeof storedActionSchema>;

export const storedPackageSchema = z.object({ ...entityShape, type: z.literal('package') });
export type StoredPackage = z.infer<typeof storedPackageSchema>;

export const storedEntitySchema = z.discriminatedUnion('type', [storedActionSchema, storedPackageSchema]);
export type StoredEntity = z.infer<typeof storedEntitySchema>;

/** `namespace[/package]/name`. */
export function qualifiedNameOf({ namespace, name }: Pick<StoredEntity, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

/** The first part of a qualified name. */
export function ownerOf(qualifiedName: string): string {
  return qualifiedName.split('/', 1)[0] ?? '';
}

/** What an invoker runs. */
export function documentOfAction(action: StoredAction, code: string): ActionDocument {
  const qualifiedName = qualifiedNameOf(action);
  const { limits, exec, version, revision } = action;
  return {
    actionKey: actionKeyOf(qualifiedName, version, { revision }),
    qualifiedName,
    version,
    kind: exec.kind,
    main: exec.main ?? 'main',
    code,
    binary: exec.binary,
    limits: { memoryMegabytes: limits.memory, timeoutMs: limits.timeout, logsMegabytes: limits.logs, concurrency: limits.concurrency },
    annotations: Object.fromEntries(action.annotations.map(({ key, value }) => [key, value])),
  };
}
