// From OpenWhisk's own form of an action (a database document, or what the controller's API shows) to the document that
// an invoker runs. Where the code itself lies when it is attached is the catalog's business.
// Wire facts: core/entity/{WhiskAction,Exec,Limits,Attachments}.scala of Apache OpenWhisk 2.0.0.
import { z } from 'zod';
import { actionKeyOf } from '../../common/action-identity.ts';
import type { ActionDocument } from '../../common/action-document.ts';
import { AppError } from '../../common/errors.ts';

/** Code that is stored beside the document: `mem:`, `couch:` and other schemes, or a bare name of old documents. */
const attachedSchema = z.object({ attachmentName: z.string().min(1), attachmentType: z.string() });
export type AttachedCode = z.infer<typeof attachedSchema>;

export const actionEntitySchema = z.object({
  /** `namespace` or `namespace/package`. */
  namespace: z.string().min(1),
  name: z.string().min(1),
  version: z.string().min(1),
  exec: z.object({
    kind: z.string().min(1),
    binary: z.boolean().optional(),
    /** Absent in blackbox actions without code and in sequences. */
    code: z.union([z.string(), attachedSchema]).optional(),
    main: z.string().optional(),
  }),
  /** Defaults of a deployment that sets none: application.conf, whisk.log-limit and whisk.concurrency-limit. */
  limits: z.object({
    timeout: z.number().positive(),
    memory: z.number().positive(),
    logs: z.number().nonnegative().default(10),
    concurrency: z.number().int().positive().default(1),
  }),
  annotations: z.array(z.object({ key: z.string(), value: z.unknown() })).default([]),
});
export type ActionEntity = z.infer<typeof actionEntitySchema>;

/** Reads an entity. @throws AppError ACTION_UNREADABLE */
export function readActionEntity(id: string, json: unknown): ActionEntity {
  const parsed = actionEntitySchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw unreadableAction(id, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
}

export function unreadableAction(id: string, why: string): AppError {
  return new AppError('ACTION_UNREADABLE', `Action ${id} cannot be run: ${why}.`, 'Create the action anew, for a kind that this invoker serves.');
}

/** The document to run. @param code source text, or the bytes of an archive */
export function documentOf(entity: ActionEntity, code: string | Uint8Array, revision: string | undefined): ActionDocument {
  const { exec, limits, version } = entity;
  const qualifiedName = `${entity.namespace}/${entity.name}`;
  const isArchive = exec.binary ?? (typeof code === 'string' && looksLikeBase64(code));
  return {
    actionKey: actionKeyOf(qualifiedName, version, { revision }),
    qualifiedName,
    version,
    kind: exec.kind,
    main: exec.main === undefined || exec.main === '' ? 'main' : exec.main,
    code: typeof code === 'string' ? code : Buffer.from(code).toString(isArchive ? 'base64' : 'utf8'),
    binary: isArchive,
    limits: { memoryMegabytes: limits.memory, timeoutMs: limits.timeout, logsMegabytes: limits.logs, concurrency: limits.concurrency },
    annotations: Object.fromEntries(entity.annotations.map(({ key, value }) => [key, value])),
  };
}

/** How OpenWhisk tells an archive from source text where nothing says which it is (Exec.scala, isBinaryCode). */
export function looksLikeBase64(code: string): boolean {
  const trimmed = code.trim();
  return trimmed.length > 0 && trimmed.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(trimmed);
}
