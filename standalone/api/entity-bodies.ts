// From the body of a PUT to the entity that is kept: pure, with OpenWhisk's defaults, limits and rules of merging.
// Wire facts: core/entity/{WhiskActionPut,WhiskAction,Limits,Exec,SemVer}.scala, core/controller/{Actions,Packages}.scala.
import { z } from 'zod';
import { parameterSchema } from '../../common/messages/acknowledgement.ts';
import { readWishes, type MayWish } from '../../invoker-plugin/action-wishes.ts';
import { looksLikeBase64 } from '../../invoker-plugin/stores/action-entity.ts';
import { ownerOf, type Limits, type Parameter, type StoredAction, type StoredPackage } from '../store/entity.ts';
import { ApiError, malformed, notSupported, tooLarge } from './api-error.ts';
import { checkedBody, mostCodeBytes, mostParameterBytes } from './call.ts';

/** What this deployment allows, in OpenWhisk's units: MB and ms. */
export interface LimitRules {
  readonly defaultMemoryMegabytes: number;
  readonly mostMemoryMegabytes: number;
  /** Whose actions may ask for what is at the expense of others. */
  readonly mayWish: MayWish;
  /** Activations that one container may run at once: OpenWhisk's `whisk.concurrency-limit.max`. */
  readonly mostConcurrency: number;
}

const leastMemoryMegabytes = 128;
export const timeoutLimitsMs = { least: 100, most: 300_000, usual: 60_000 } as const;
export const logLimitsMegabytes = { least: 0, most: 10, usual: 10 } as const;

const number = z.number().int();
const entityFields = {
  version: z.string().regex(/^\d+\.\d+\.\d+$/, 'a version has three numbers, as in 0.0.1').optional(),
  publish: z.boolean().optional(),
  parameters: z.array(parameterSchema).optional(),
  annotations: z.array(parameterSchema).optional(),
};
const actionBodySchema = z.object({
  ...entityFields,
  exec: z.object({ kind: z.string(), code: z.string().optional(), main: z.string().optional() }).optional(),
  limits: z.object({ timeout: number.optional(), memory: number.optional(), logs: number.optional(), concurrency: number.optional() }).optional(),
  delAnnotations: z.array(z.string()).optional(),
});
type ActionBody = z.infer<typeof actionBodySchema>;
const packageBodySchema = z.object({ ...entityFields, binding: z.record(z.string(), z.unknown()).nullish() });

/** The kind that code without a kind of its own is for. */
export const defaultKind = 'nodejs:instainfer';
const servedKind = /^nodejs:(?:instainfer|\d+)$/;

/** When and under which names an entity is written. */
export interface Write {
  readonly namespace: string;
  readonly name: string;
  readonly at: number;
}

/** A new action, or `former` with what the body changes. @throws ApiError 400, 403, 413, 501 */
export function actionOfBody(body: unknown, former: StoredAction | undefined, { namespace, name, at }: Write, rules: LimitRules): { readonly action: Omit<StoredAction, 'revision'>; readonly code: string | undefined } {
  const content = checkedBody(actionBodySchema, body);
  if (content.exec === undefined && former === undefined) throw new ApiError(400, 'exec undefined');
  const exec = content.exec === undefined ? undefined : execOfBody(content.exec);
  checkSizes(content);
  const kept = exec?.exec ?? former?.exec;
  if (kept === undefined) throw new ApiError(400, 'exec undefined');
  const annotations = annotationsOf(content, former?.annotations ?? [], kept.kind);
  checkWishes(annotations, ownerOf(namespace), rules.mayWish);
  return {
    action: {
      type: 'action',
      namespace,
      name,
      version: content.version ?? nextVersion(former?.version),
      publish: content.publish ?? former?.publish ?? false,
      updated: at,
      parameters: content.parameters ?? former?.parameters ?? [],
      annotations,
      exec: kept,
      limits: limitsOf(content.limits ?? {}, former?.limits, rules),
    },
    code: exec?.code,
  };
}

/** A new package, or `former` with what the body changes. @throws ApiError 400, 413, 501 */
export function packageOfBody(body: unknown, former: StoredPackage | undefined, { namespace, name, at }: Write): StoredPackage {
  const content = checkedBody(packageBodySchema, body);
  if (Object.keys(content.binding ?? {}).length > 0) throw notSupported('Bindings of packages are');
  checkSizes(content);
  return {
    type: 'package',
    namespace,
    name,
    version: content.version ?? nextVersion(former?.version),
    publish: content.publish ?? former?.publish ?? false,
    updated: at,
    parameters: content.parameters ?? former?.parameters ?? [],
    annotations: content.annotations ?? former?.annotations ?? [],
  };
}

function execOfBody({ kind: given, code, main }: NonNullable<ActionBody['exec']>): { exec: StoredAction['exec']; code: string } {
  if (given === 'sequence') throw notSupported('Sequences are');
  if (given === 'blackbox') throw notSupported('Actions of images of their own are');
  const kind = given === 'nodejs:default' || given === 'nodejs' ? defaultKind : given;
  if (!servedKind.test(kind)) throw malformed(`kind '${kind}' not in Set(${defaultKind}, nodejs:default, nodejs:20)`);
  if (code === undefined || code === '') throw malformed("'code' must be a string that is not empty, defined in 'exec' for this kind");
  const bytes = Buffer.byteLength(code);
  if (bytes > mostCodeBytes) throw tooLarge('exec', bytes, mostCodeBytes);
  return { exec: { kind, binary: looksLikeBase64(code), ...(main === undefined || main === '' ? {} : { main }) }, code };
}

function checkSizes({ parameters, annotations }: Pick<ActionBody, 'parameters' | 'annotations'>): void {
  for (const [what, list] of [['parameters', parameters], ['annotations', annotations]] as const) {
    const bytes = list === undefined ? 0 : Buffer.byteLength(JSON.stringify(list));
    if (bytes > mostParameterBytes) throw tooLarge(what, bytes, mostParameterBytes);
  }
}

function nextVersion(former: string | undefined): string {
  if (former === undefined) return '0.0.1';
  const [major = '0', minor = '0', patch = '0'] = former.split('.');
  return `${major}.${minor}.${Number(patch) + 1}`;
}

/** What was there, overlaid by what came; `exec` is the platform's to say, and a key is only handed to actions that ask for it. */
function annotationsOf({ annotations = [], delAnnotations = [] }: ActionBody, former: readonly Parameter[], kind: string): Parameter[] {
  const merged = mergeParameters(former.filter(({ key }) => !delAnnotations.includes(key)), annotations).filter(({ key }) => key !== 'exec');
  const hasKeyRule = merged.some(({ key }) => key === 'provide-api-key');
  return [...merged, ...(hasKeyRule ? [] : [{ key: 'provide-api-key', value: false }]), { key: 'exec', value: kind }];
}

/** @throws ApiError 400, 403 */
function checkWishes(annotations: readonly Parameter[], owner: string, mayWish: MayWish): void {
  const { problems } = readWishes(Object.fromEntries(annotations.map(({ key, value }) => [key, value])), [owner], mayWish);
  const [first] = problems;
  if (first !== undefined) throw first.kind === 'malformed' ? malformed(first.text) : new ApiError(403, first.text);
}

/** The later ones win; each name is there once. */
export function mergeParameters(...lists: readonly (readonly Parameter[])[]): Parameter[] {
  const merged = new Map<string, Parameter>();
  for (const parameter of lists.flat()) merged.set(parameter.key, parameter);
  return [...merged.values()];
}

function limitsOf(given: NonNullable<ActionBody['limits']>, former: Limits | undefined, rules: LimitRules): Limits {
  const limits: Limits = {
    timeout: given.timeout ?? former?.timeout ?? timeoutLimitsMs.usual,
    memory: given.memory ?? former?.memory ?? rules.defaultMemoryMegabytes,
    logs: given.logs ?? former?.logs ?? logLimitsMegabytes.usual,
    concurrency: given.concurrency ?? former?.concurrency ?? 1,
  };
  check(limits.memory, Math.min(leastMemoryMegabytes, rules.mostMemoryMegabytes), rules.mostMemoryMegabytes, 'memory size', ' MB');
  check(limits.timeout, timeoutLimitsMs.least, timeoutLimitsMs.most, 'duration', ' milliseconds');
  check(limits.logs, logLimitsMegabytes.least, logLimitsMegabytes.most, 'log size', ' MB');
  check(limits.concurrency, 1, rules.mostConcurrency, 'concurrency', '');
  return limits;
}

function check(value: number, least: number, most: number, what: string, unit: string): void {
  if (value > most) throw malformed(`${what} ${value}${unit} exceeds allowed threshold of ${most}${unit}`);
  if (value < least) throw malformed(`${what} ${value}${unit} below allowed threshold of ${least}${unit}`);
}
