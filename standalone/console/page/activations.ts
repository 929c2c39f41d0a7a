// What has been answered: the last ones as a table, and how the starts divide.
import type { ActivationView } from '../../inspection/views.ts';
import { element, KeyedList, type Row } from './dom.ts';
import { actionName, clockTime, duration } from './format.ts';

const mostKept = 2000;
const mostShown = 30;
export const startTypes = ['preloaded', 'warm', 'prewarmed', 'cold'] as const;

export class ActivationLog {
  private kept: readonly ActivationView[] = [];
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

  /** Such as `3 preloaded, 1 cold`. */
  startsOf(actionKey: string): string {
    const own = this.kept.filter(({ action }) => action === actionKey);
    const counts = startTypes.map((type) => ({ type, count: own.filter(({ startType }) => startType === type).length })).filter(({ count }) => count > 0);
    return counts.length === 0 ? '' : `starts: ${counts.map(({ type, count }) => `${count} ${type}`).join(', ')}`;
  }
}

function activationRow({ activationId, action, at, startType, startupMs, runMs, status }: ActivationView, namespace: string): Row<ActivationView> {
  const start = startType === undefined ? element('td', '', '–') : element('td', '', element('span', `start ${startType}`, element('i', ''), startType));
  const cells = [clockTime(at), actionName(action, namespace)].map((text) => element('td', '', text));
  const root = element('tr', '', ...cells, start, element('td', '', duration(startupMs)), element('td', '', duration(runMs)), element('td', status === 'success' ? '' : 'failed', status));
  root.title = activationId;
  return { root, update: () => undefined };
}
