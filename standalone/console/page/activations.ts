// What has been answered: the last ones as a table, and how the starts divide.
import type { ActivationView } from '../../inspection/views.ts';
import { element, KeyedList, type Row } from './dom.ts';
import { actionName, clockTime, duration } from './format.ts';

const mostKept = 2000;
const mostShown = 30;
/** The best first. */
export const startTypes = ['preloaded', 'warm', 'prewarmed', 'cold'] as const satisfies readonly StartType[];
type StartType = NonNullable<ActivationView['startType']>;

export class ActivationLog {
  private kept: readonly ActivationView[] = [];
  private counts = new Map<string, Map<StartType, number>>();
  private readonly list: KeyedList<ActivationView>;

  constructor(parent: HTMLElement, namespace: () => string) {
    this.list = new KeyedList<ActivationView>(parent, ({ activationId }) => activationId, (first) => activationRow(first, namespace()));
  }

  get all(): readonly ActivationView[] {
    return this.kept;
  }

  add(...more: readonly ActivationView[]): void {
    this.kept = [...this.kept, ...more].slice(-mostKept);
  }

  reset(activations: readonly ActivationView[]): void {
    this.kept = activations;
  }

  show(): void {
    this.list.show(this.kept.slice(-mostShown).toReversed());
  }

  /** Counts the starts of every action once, for {@link startsOf}. */
  count(): void {
    this.counts = new Map();
    for (const { action, startType } of this.kept) {
      if (startType === undefined) continue;
      const ofAction = this.counts.get(action) ?? new Map<StartType, number>();
      this.counts.set(action, ofAction.set(startType, (ofAction.get(startType) ?? 0) + 1));
    }
  }

  /** Such as `3 preloaded, 1 cold`; of the last count. */
  startsOf(actionKey: string): string {
    const ofAction = this.counts.get(actionKey);
    if (ofAction === undefined) return '';
    const parts = startTypes.flatMap((type) => (ofAction.has(type) ? [`${ofAction.get(type)} ${type}`] : []));
    return `starts: ${parts.join(', ')}`;
  }
}

function activationRow({ activationId, action, at, startType, startupMs, runMs, status }: ActivationView, namespace: string): Row<ActivationView> {
  const start = startType === undefined ? element('td', '', '–') : element('td', '', element('span', `start ${startType}`, element('i', ''), startType));
  const cells = [clockTime(at), actionName(action, namespace)].map((text) => element('td', '', text));
  const root = element('tr', '', ...cells, start, element('td', '', duration(startupMs)), element('td', '', duration(runMs)), element('td', status === 'success' ? '' : 'failed', status));
  root.title = activationId;
  return { root, update: () => undefined };
}
