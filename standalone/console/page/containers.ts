// The containers: what each is, how its memory is used, and what is resident in it.
import type { ContainerView, ResidentView } from '../../inspection/views.ts';
import { button, element, KeyedList, setText, type Row } from './dom.ts';
import { actionName, duration, megabytes } from './format.ts';

export interface ContainerListOptions {
  readonly offload: (container: string, actionKey: string) => void;
  readonly namespace: () => string;
  /** Epoch ms on the server. */
  readonly now: () => number;
}

export function containerList(parent: HTMLElement, options: ContainerListOptions): KeyedList<ContainerView> {
  return new KeyedList<ContainerView>(parent, ({ id }) => id, (first) => containerCard(first, options));
}

function containerCard({ id }: ContainerView, options: ContainerListOptions): Row<ContainerView> {
  const chip = element('span', 'chip');
  const bar = element('div', 'memory-bar');
  bar.setAttribute('role', 'img');
  const memory = element('p', 'faint');
  const list = element('ul', 'residents');
  const residents = new KeyedList<ResidentView>(list, ({ action, since }) => `${action} ${since}`, (resident) => residentRow(id, resident, options));
  const root = element('li', 'card', element('div', 'head', element('h3', '', id), chip), bar, memory, list);
  root.dataset['container'] = id;
  return {
    root,
    update(container) {
      setText(chip, stateOf(container, options.namespace()));
      chip.classList.toggle('busy', container.running !== undefined || container.loading !== undefined);
      const { usedBytes, memoryLimitBytes } = container;
      const residentBytes = container.residents.reduce((sum, resident) => sum + resident.residentBytes, 0);
      setText(memory, `${megabytes(usedBytes)} of ${megabytes(memoryLimitBytes)}${residentBytes > 0 ? `, ${megabytes(residentBytes)} of it loaded ahead` : ''}`);
      bar.setAttribute('aria-label', memory.textContent);
      const widthOf = (bytes: number): string => `${Math.min(100, (bytes / memoryLimitBytes) * 100)}%`;
      drawBar(bar, [
        { className: 'own', width: widthOf(Math.max(0, usedBytes - residentBytes)) },
        ...container.residents.map((resident) => ({ className: 'resident', width: widthOf(resident.residentBytes) })),
      ]);
      residents.show(container.residents);
    },
  };
}

function drawBar(bar: HTMLElement, parts: readonly { className: string; width: string }[]): void {
  while (bar.children.length > parts.length) bar.lastElementChild?.remove();
  while (bar.children.length < parts.length) bar.append(element('span', ''));
  parts.forEach(({ className, width }, index) => {
    const part = bar.children[index] as HTMLElement;
    part.className = className;
    part.style.width = width;
  });
}

function stateOf({ phase, role, own, running, runningCount = 1, loading }: ContainerView, namespace: string): string {
  if (running !== undefined) return `runs ${actionName(running, namespace)}${runningCount > 1 ? ` × ${runningCount}` : ''}`;
  if (loading !== undefined) return `loads ${actionName(loading, namespace)}`;
  const what = role === 'stem' ? 'stem cell' : role === 'warm' && own !== undefined ? `warm for ${actionName(own, namespace)}` : role;
  return phase === 'idle' ? what : `${phase}, ${what}`;
}

function residentRow(container: string, { action }: ResidentView, options: ContainerListOptions): Row<ResidentView> {
  const name = element('strong', '');
  const detail = element('span', 'faint');
  const root = element('li', '', element('span', '', name, ' ', detail));
  root.dataset['action'] = action;
  let offload: HTMLButtonElement | undefined;
  return {
    root,
    update({ residentBytes, since, retained, valueMs, pinned }) {
      const shown = actionName(action, options.namespace());
      setText(name, shown);
      const parts = [megabytes(residentBytes), ...(valueMs === undefined ? [] : [`worth ${duration(valueMs)}`]), `for ${duration(Math.max(0, options.now() - since))}`, ...(retained ? ['kept from its own run'] : []), ...(pinned === true ? ['pinned'] : [])];
      setText(detail, parts.join(', '));
      // Whoever may not know its name may not move it either.
      if (valueMs === undefined || offload !== undefined) return;
      offload = button('Off-load', `Off-load ${shown} from ${container}`, () => {
        options.offload(container, action);
      });
      root.append(offload);
    },
  };
}
