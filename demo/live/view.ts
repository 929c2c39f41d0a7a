// What a person sees while a replay runs: progress, start types, containers and what is resident in them. The text is a
// function of what was observed; where it goes is the screen's business.
import pc from 'picocolors';
import { shortNameOf } from '../../common/action-identity.ts';
import { bytesPerMegabyte } from '../../common/action-document.ts';
import { startTypes, type StartType } from '../../invoker-plugin/core/commands.ts';
import type { Container } from '../../invoker-plugin/core/container.ts';
import { startupMsOf, type ActivationRow } from '../report/rows.ts';

export interface ViewModel {
  readonly title: string;
  readonly phase: 'deploying' | 'replaying' | 'finishing';
  /** Since the replay began, and how long it is to take. */
  readonly elapsedMs: number;
  readonly totalMs: number;
  readonly expectedActivations: number;
  readonly rows: readonly ActivationRow[];
  readonly containers: readonly Container[];
  readonly poolMemoryBytes: number;
}

const barWidth = 30;
const recentRows = 5;

const colourOf: Record<StartType, (text: string) => string> = { cold: pc.red, prewarmed: pc.yellow, warm: pc.green, preloaded: pc.cyan };

/** The view as lines, without a trailing newline. */
export function renderView(model: ViewModel): string[] {
  return [
    `${pc.bold(model.title)}  ${progressOf(model)}`,
    `starts     ${startTypes.map((type) => colourOf[type](`${type} ${model.rows.filter((row) => row.startType === type).length}`)).join('  ')}   ${startupOf(model.rows)}`,
    `containers ${model.containers.length} (${megabytes(model.containers.reduce((sum, { memoryLimitBytes }) => sum + memoryLimitBytes, 0))} of ${megabytes(model.poolMemoryBytes)} MB promised)`,
    ...model.containers.map(containerLine),
    ...model.rows.slice(-recentRows).map(activationLine),
  ];
}

function progressOf({ phase, elapsedMs, totalMs, rows, expectedActivations }: ViewModel): string {
  if (phase === 'deploying') return 'deploying the actions and loading ahead';
  const share = totalMs === 0 ? 1 : Math.min(1, elapsedMs / totalMs);
  const filled = Math.round(share * barWidth);
  return `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${clockText(Math.min(elapsedMs, totalMs))} of ${clockText(totalMs)}, ${rows.length} of ${expectedActivations} activations`;
}

function startupOf(rows: readonly ActivationRow[]): string {
  if (rows.length === 0) return '';
  const sorted = rows.map(startupMsOf).sort((a, b) => a - b);
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  return `startup mean ${mean.toFixed(0)} ms, worst ${(sorted.at(-1) ?? 0).toFixed(0)} ms`;
}

function containerLine(container: Container): string {
  const own = container.ownActionKey === undefined ? '' : ` ${shortNameOf(container.ownActionKey)}`;
  const role = container.phase === 'starting' ? 'starting' : container.activations.size === 0 ? `${container.role}${own}` : `running${own}`;
  const residents = [...container.residents.values()].map(({ actionKey, retained }) => `${shortNameOf(actionKey)}${retained ? '*' : ''}`);
  const loading = container.load === undefined ? [] : [pc.dim(`loading ${shortNameOf(container.load.actionKey)}…`)];
  const held = [...residents.map((name) => pc.cyan(name)), ...loading].join(' ');
  return `  ${container.id.padEnd(6)} ${role.padEnd(22)} ${megabytes(container.usedBytes).padStart(5)} MB  ${held}`;
}

function activationLine(row: ActivationRow): string {
  const start = row.startType === 'none' ? pc.red('refused') : colourOf[row.startType](row.startType.padEnd(9));
  const status = row.status === 'success' ? '' : pc.red(`  ${row.status}`);
  return `  ${clockText(row.arrival)}  ${row.action.padEnd(13)} ${start}  startup ${startupMsOf(row).toFixed(0).padStart(5)} ms, run ${row.runMs.toFixed(0).padStart(4)} ms${status}`;
}

function megabytes(bytes: number): string {
  return (bytes / bytesPerMegabyte).toFixed(0);
}

function clockText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}
