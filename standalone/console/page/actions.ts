// The visitor's actions: where each is held, what is expected of it, and how its calls have started.
import type { ActionView } from '../../inspection/views.ts';
import { button, element, KeyedList, setText, type Row } from './dom.ts';
import { actionName, duration, rate } from './format.ts';

export interface ActionListOptions {
  readonly load: (action: ActionView) => void;
  readonly invoke: (action: ActionView) => void;
  /** Such as `3 preloaded, 1 cold`; empty before the first call. */
  readonly startsOf: (actionKey: string) => string;
  readonly now: () => number;
}

export function actionList(parent: HTMLElement, options: ActionListOptions): KeyedList<ActionView> {
  return new KeyedList<ActionView>(parent, ({ actionKey }) => actionKey, (first) => actionCard(first, options));
}

function actionCard(first: ActionView, options: ActionListOptions): Row<ActionView> {
  let action = first;
  const name = actionName(first.qualifiedName, first.qualifiedName.split('/')[0] ?? '');
  const kind = element('span', 'chip', `${first.kind}, ${first.memoryMegabytes} MB`);
  const [held, arrivals, windows, wishes, starts] = [element('p', ''), element('p', ''), element('p', ''), element('p', ''), element('p', 'faint')];
  const load = button('Load', `Load ${name} ahead`, () => {
    options.load(action);
  });
  const invoke = button('Invoke', `Invoke ${name}`, () => {
    options.invoke(action);
  });
  const root = element('li', 'card', element('div', 'head', element('h3', '', name), kind), held, arrivals, windows, wishes, starts, element('div', 'buttons', invoke, ...(first.declaresArtifacts ? [load] : [])));
  root.dataset['action'] = first.actionKey;
  return {
    root,
    update(current) {
      action = current;
      setText(held, heldText(current));
      setText(arrivals, arrivalsText(current, options.now()));
      setText(windows, windowsText(current, options.now()));
      setText(wishes, wishesText(current, options.now()));
      setText(starts, options.startsOf(current.actionKey));
    },
  };
}

function heldText({ heldIn, waitingCount, declaresArtifacts }: ActionView): string {
  const waiting = waitingCount === 0 ? '' : `; ${waitingCount} calls wait`;
  if (heldIn.length > 0) return `ready in ${heldIn.join(', ')}${waiting}`;
  return `${declaresArtifacts ? 'not loaded' : 'no container; declares nothing to load ahead'}${waiting}`;
}

function arrivalsText({ forecast }: ActionView, now: number): string {
  if (forecast?.lastArrivalAt === undefined) return 'not called yet';
  return `last call ${duration(Math.max(0, now - forecast.lastArrivalAt))} ago; next calls ${rate(forecast.arrivalRatePerMs)}`;
}

function windowsText({ forecast, wishes, declaresArtifacts }: ActionView, now: number): string {
  if (forecast === undefined || !declaresArtifacts) return '';
  const { loadDueAt, offloadDueAt, savedMs } = forecast;
  const saves = `being loaded saves a call ${duration(savedMs)}`;
  if (wishes?.idleMs === 0 || (wishes?.grantedPins ?? 0) > 0) return saves;
  if (offloadDueAt <= now) return `${saves}; may go`;
  return `${saves}; wanted ${loadDueAt > now ? `in ${duration(loadDueAt - now)}` : 'now'}, for ${duration(offloadDueAt - Math.max(now, loadDueAt))}`;
}

function wishesText({ wishes }: ActionView, now: number): string {
  if (wishes === undefined) return '';
  const { text, idleMs, idleEndsAt } = wishes;
  if (idleMs === 0 || idleEndsAt === undefined) return text;
  return `${text}; ${idleEndsAt > now ? `in ${duration(idleEndsAt - now)}` : 'its idle time is over'}`;
}
