// The console: follows the server and shows what it says; its buttons ask the server for something and do nothing else.
import type { MemoryPoint, SystemStatus } from '../../inspection/views.ts';
import { actionList } from './actions.ts';
import { ActivationLog, startTypes } from './activations.ts';
import { drawLegend, drawMemory, drawStarts, drawWindows, shownMs } from './charts.ts';
import { containerList } from './containers.ts';
import { byId, element, KeyedList, setText, type Row } from './dom.ts';
import { actionName, megabytes } from './format.ts';
import { InvokeDialog } from './invoke-dialog.ts';
import { follow } from './live-stream.ts';
import { ServerAccess } from './server.ts';

const noticeMs = 6000;
/** Charts are costly to draw, and nobody sees a tenth of a second in ten minutes. */
const betweenChartsMs = 1000;

const server = new ServerAccess();
const dialog = new InvokeDialog(server);
let status: SystemStatus | undefined;
let memory: MemoryPoint[] = [];
let chartsDrawnAt = 0;
const namespace = (): string => status?.namespace ?? '';
/** By the server's clock, which need not be this machine's. */
const now = (): number => status?.at ?? Date.now();

const log = new ActivationLog(byId('activations', HTMLTableSectionElement), namespace);
const containers = containerList(byId('containers', HTMLUListElement), {
  namespace,
  now,
  offload: (container, actionKey) => {
    void attempt(server.offload(container, actionKey), `Off-loading ${actionName(actionKey, namespace())} from ${container}.`);
  },
});
const actions = actionList(byId('actions', HTMLUListElement), {
  now,
  startsOf: (actionKey) => log.startsOf(actionKey),
  invoke: (action) => {
    dialog.open(action);
  },
  load: ({ actionKey }) => {
    void attempt(server.load(actionKey), `Loading ${actionName(actionKey, namespace())}.`);
  },
});
const summary = new KeyedList<readonly [string, string]>(byId('summary', HTMLDListElement), ([label]) => label, summaryTile);

function summaryTile([label]: readonly [string, string]): Row<readonly [string, string]> {
  const value = element('dd', '');
  return {
    root: element('div', '', element('dt', '', label), value),
    update: ([, text]) => {
      setText(value, text);
    },
  };
}

function show(current: SystemStatus): void {
  status = current;
  const { at, poolUsedBytes, poolMemoryBytes, usedBytes, residentBytes, waitingCount, preload } = current;
  setText(byId('who', HTMLParagraphElement), `namespace ${current.namespace}`);
  summary.show([
    ['containers', String(current.containers.length)],
    ['given to containers', `${megabytes(poolUsedBytes)} of ${megabytes(poolMemoryBytes)}`],
    ['loaded ahead', megabytes(residentBytes)],
    ['loads under way', preload ? String(current.loadsInFlight) : 'off'],
    ['calls that wait', String(waitingCount)],
    ['found ready', readyShare()],
  ]);
  containers.show(current.containers);
  log.count();
  actions.show(current.actions);
  setText(byId('actions-hint', HTMLParagraphElement), current.actions.length === 0 ? 'None yet. Create one: wsk action create NAME FILE.js --kind nodejs:instainfer' : '');
  log.show();
  if (at - (memory.at(-1)?.at ?? 0) >= betweenChartsMs) memory.push({ at, poolUsedBytes, usedBytes, residentBytes });
  memory = memory.filter((point) => point.at > at - shownMs);
  if (Math.abs(at - chartsDrawnAt) >= betweenChartsMs) drawCharts(at);
}

/** Calls that found what they need loaded, of the ones shown in the charts. */
function readyShare(): string {
  const recent = log.all.filter(({ at, startType }) => startType !== undefined && at > now() - shownMs);
  const ready = recent.filter(({ startType }) => startType === 'warm' || startType === 'preloaded');
  return recent.length === 0 ? '–' : `${Math.round((ready.length / recent.length) * 100)} % of ${recent.length}`;
}

function drawCharts(at: number): void {
  chartsDrawnAt = at;
  drawWindows(byId('windows-chart', HTMLElement), status?.actions ?? [], log.all, at);
  drawStarts(byId('starts-chart', HTMLElement), log.all, at);
  drawMemory(byId('memory-chart', HTMLElement), memory, at);
}

let noticeTimer = 0;
function notify(text: string): void {
  setText(byId('notice', HTMLParagraphElement), text);
  clearTimeout(noticeTimer);
  noticeTimer = window.setTimeout(() => {
    setText(byId('notice', HTMLParagraphElement), '');
  }, noticeMs);
}

async function attempt(request: Promise<unknown>, done: string): Promise<void> {
  try {
    await request;
    notify(done);
  } catch (error) {
    notify(error instanceof Error ? error.message : String(error));
  }
}

function setConnection(text: string, isLost: boolean): void {
  const line = byId('connection', HTMLParagraphElement);
  setText(line, text);
  line.classList.toggle('lost', isLost);
}

/** Resolves when the visitor has entered a key. */
async function askForKey(): Promise<void> {
  const asking = byId('key', HTMLDialogElement);
  const text = byId('key-text', HTMLInputElement);
  do {
    asking.showModal();
    await new Promise((resolve) => {
      asking.addEventListener('close', resolve, { once: true });
    });
  } while (text.value === '');
  server.use(text.value.trim());
  text.value = '';
}

drawLegend(byId('starts-legend', HTMLUListElement), startTypes.map((type) => ({ className: type, text: type })));
drawLegend(byId('windows-legend', HTMLUListElement), [
  ...startTypes.map((type) => ({ className: type, text: `${type} call` })),
  { className: 'window', text: 'artifacts wanted' },
]);
drawLegend(byId('memory-legend', HTMLUListElement), [
  { className: 'own', text: 'used by containers' },
  { className: 'resident', text: 'of that, loaded ahead' },
  { className: 'given', text: 'given to containers' },
]);
window.addEventListener('resize', () => {
  if (status !== undefined) drawCharts(status.at);
});
void follow(server, {
  history: (view) => {
    log.reset(view.activations);
    memory = [...view.memory];
  },
  status: show,
  activation: (view) => {
    log.add(view);
  },
  connected: () => {
    setConnection('Live', false);
  },
  lost: () => {
    setConnection('The server does not answer. Trying again …', true);
  },
  refused: askForKey,
});
