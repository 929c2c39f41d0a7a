// Reads what an action's author asks of the scheduler out of the action's annotations, and says of each that cannot be
// followed what to do about it. Whoever deploys decides whether that is an error or a warning.
import { z } from 'zod';
import { nearMatches } from '../common/near-matches.ts';
import { declaresArtifacts } from '../runtime/protocol.ts';
import { noWishes, type ActionWishes } from './core/wishes.ts';

/** Whether what this namespace asks for may be at the expense of others. */
export type MayWish = (namespace: string) => boolean;
/** Nobody may: the default wherever several share an invoker. */
export const nobodyMayWish: MayWish = () => false;
/** The namespaces named; `*` stands for all of them. */
export const mayWishOf = (names: readonly string[]): MayWish => (namespace) => names.includes(namespace) || names.includes('*');

export interface WishProblem {
  readonly annotation: string;
  /** `forbidden`: it would be followed if an operator allowed it. */
  readonly kind: 'malformed' | 'forbidden';
  /** What is wrong and what to do. */
  readonly text: string;
}

export interface ReadWishes {
  /** Absent where there are none, or none that can be followed. */
  readonly wishes: ActionWishes | undefined;
  readonly problems: readonly WishProblem[];
}

export const mostPinnedPlaces = 64;
export const priorityLimits = { least: 0.01, most: 100 } as const;
const mostIdleSeconds = 604_800;
const millisecondsPerSecond = 1000;

/** By annotation: what its value has to be, and an example of setting it. */
const rules = {
  'preload-pin': { schema: z.int().min(0).max(mostPinnedPlaces), rule: `a whole number of containers from 0 to ${mostPinnedPlaces}`, example: '-a preload-pin 1' },
  'preload-priority': { schema: z.number().min(priorityLimits.least).max(priorityLimits.most), rule: `a number from ${priorityLimits.least} to ${priorityLimits.most}`, example: '-a preload-priority 2' },
  'preload-idle-seconds': { schema: z.number().min(0).max(mostIdleSeconds), rule: `a number of seconds from 0 to ${mostIdleSeconds}`, example: '-a preload-idle-seconds 60' },
} as const;
type WishAnnotation = keyof typeof rules;
const wishAnnotations = Object.keys(rules) as WishAnnotation[];

/** @param namespaces who owns the action, and who calls it: both have to be allowed what is at the expense of others */
export function readWishes(annotations: Readonly<Record<string, unknown>>, namespaces: readonly string[], mayWish: MayWish): ReadWishes {
  const problems: WishProblem[] = [];
  const malformed = (annotation: string, text: string): undefined => void problems.push({ annotation, kind: 'malformed', text });
  const valueOf = (annotation: WishAnnotation): number | undefined => {
    const value = annotations[annotation];
    if (value === undefined) return undefined;
    const { schema, rule, example } = rules[annotation];
    const parsed = schema.safeParse(value);
    return parsed.success ? parsed.data : malformed(annotation, `The annotation ${annotation} has to be ${rule}, but is ${textOf(value)}. For example: ${example}`);
  };
  const allowed = (annotation: WishAnnotation, value: number | undefined, harmless: number): number => {
    const stranger = namespaces.find((namespace) => !mayWish(namespace));
    if (value === undefined || value <= harmless || stranger === undefined) return value ?? harmless;
    problems.push({
      annotation,
      kind: 'forbidden',
      text: `The annotation ${annotation} is ${value}, and the namespace ${stranger} may not ask for more than ${harmless}. Lower it, or have the operator name the namespace in --wishes-from.`,
    });
    return harmless;
  };
  for (const name of Object.keys(annotations)) {
    if (!name.startsWith('preload-') || Object.hasOwn(rules, name)) continue;
    const near = nearMatches(name, wishAnnotations);
    malformed(name, `There is no annotation ${name}. ${near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `There are ${wishAnnotations.join(', ')}.`}`);
  }
  const idleSeconds = valueOf('preload-idle-seconds');
  const pinned = allowed('preload-pin', valueOf('preload-pin'), noWishes.pinnedPlaces);
  const priority = allowed('preload-priority', valueOf('preload-priority'), noWishes.priority);
  const pinProblem = pinned === 0 ? undefined : whyNotPinned(annotations, idleSeconds);
  if (pinProblem !== undefined) malformed('preload-pin', pinProblem);
  const pinnedPlaces = pinProblem === undefined ? pinned : 0;
  const isWishing = pinnedPlaces !== noWishes.pinnedPlaces || priority !== noWishes.priority || idleSeconds !== undefined;
  const idle = idleSeconds === undefined ? {} : { idleMs: idleSeconds * millisecondsPerSecond };
  return { wishes: isWishing ? { pinnedPlaces, priority, ...idle } : undefined, problems };
}

function whyNotPinned(annotations: Readonly<Record<string, unknown>>, idleSeconds: number | undefined): string | undefined {
  if (idleSeconds !== undefined) return 'The annotations preload-pin and preload-idle-seconds contradict each other. Remove one of them.';
  if (!declaresArtifacts(annotations['preload'])) return 'The annotation preload-pin has nothing to keep: the annotation preload names no models or libraries. Add them, or set preload-pin to 0.';
  return undefined;
}

const shownCharacters = 60;

function textOf(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text;
}
