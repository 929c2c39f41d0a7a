// Builds the profile that a simulation needs from what live runs measured: rows for activations, journals for everything
// else. Medians throughout; what no run measured is taken from the profile given as base.
import { isDeepStrictEqual } from 'node:util';
import { shortNameOf } from '../common/action-identity.ts';
import type { LoadSucceeded } from '../invoker-plugin/core/events.ts';
import type { JournalEntry } from '../invoker-plugin/journal.ts';
import { loadingForms, type ActionProfile, type LoadingForm, type Profile } from '../lab/simulation/profile.ts';
import type { ActivationRow } from './report/rows.ts';
import { medianOf, medianOfCensored, roundTo, type CensoredValue } from '../common/statistics.ts';

/** What one live run measured. */
export interface MeasuredRun {
  readonly loading: LoadingForm;
  readonly rows: readonly ActivationRow[];
  readonly journalEntries: readonly JournalEntry[];
}

export interface ProfileInput {
  readonly runs: readonly MeasuredRun[];
  /** Fills in what was not measured. */
  readonly base: Profile;
  /** Machine and time, for the reports that use the profile. */
  readonly measuredOn: string;
}

/** Samples kept of an action's runs: enough for their spread, few enough to read the file. */
const maxRunSamples = 100;

/**
 * The profile of the runs. An action is in it when a run of it succeeded or the base has it. Loads that an activation joined
 * half-way are left out: they say nothing of what a load takes. Where the base fills in, `measuredOn` says so.
 */
export function profileFromRuns(input: ProfileInput): Profile {
  const { runs, base } = input;
  const profile = measure(runs, base);
  // Against a base without figures, so that what it filled in shows.
  const isFilledIn = !isDeepStrictEqual(measure(runs, { ...noFigures, actions: {} }), profile);
  const measuredOn = isFilledIn ? `${input.measuredOn}; what these runs did not measure is from: ${base.measuredOn}` : input.measuredOn;
  return { formatVersion: 1, measuredOn, ...profile };
}

const noFigures: Omit<Figures, 'actions'> = { containerStartMs: 0, cleanMs: 0, removeMs: 0, offloadMs: 0, emptyContainerBytes: 0 };
type Figures = Omit<Profile, 'formatVersion' | 'measuredOn'>;

function measure(runs: readonly MeasuredRun[], base: Figures): Figures {
  const durations = commandDurationsOf(runs.flatMap((run) => run.journalEntries));
  const cleanMs = [...durations.cleanContainer, ...runs.flatMap(cleaningWaitsOf)];
  const started = runs.flatMap((run) => run.journalEntries).flatMap(({ event }) => (event.type === 'containerStarted' ? [event] : []));
  const names = new Set([...Object.keys(base.actions), ...runs.flatMap((run) => run.rows.map((row) => row.action))]);
  const actions = [...names].sort().flatMap((name): [string, ActionProfile][] => {
    const profile = actionProfileOf(name, runs, base.actions[name]);
    return profile === undefined ? [] : [[name, profile]];
  });
  return {
    containerStartMs: measured(started.map(({ startMs }) => startMs), base.containerStartMs),
    cleanMs: measured(cleanMs, base.cleanMs),
    removeMs: measured(durations.removeContainer, base.removeMs),
    offloadMs: measured(durations.offload, base.offloadMs),
    emptyContainerBytes: Math.round(measured(started.map(({ usedBytes }) => usedBytes), base.emptyContainerBytes)),
    actions: Object.fromEntries(actions),
  };
}

function measured(values: readonly number[], fallback: number): number {
  return roundTo(medianOf(values) ?? fallback, 3);
}

/** Starts that had to load: a new container, or one without the artifacts. */
function isFresh(row: ActivationRow): boolean {
  return row.startType === 'cold' || row.startType === 'prewarmed';
}

function actionProfileOf(action: string, runs: readonly MeasuredRun[], base: ActionProfile | undefined): ActionProfile | undefined {
  const byRun = runs.map((run) => {
    const joined = joinedActivationsOf(run.journalEntries);
    const rows = run.rows.filter((row) => row.action === action && row.status === 'success' && !joined.has(row.activationId));
    return { loading: run.loading, rows };
  });
  const rows = byRun.flatMap((run) => run.rows);
  const steadyOf = (form: LoadingForm): number[] => byRun.filter((run) => run.loading === form).flatMap((run) => run.rows.filter((row) => !isFresh(row)).map((row) => row.runMs));
  const anyRunMs = rows.map((row) => row.runMs);
  const samplesOf = (form: LoadingForm, other: LoadingForm): readonly number[] => [steadyOf(form), base?.runSamplesMs[form], steadyOf(other), anyRunMs].find((samples) => samples !== undefined && samples.length > 0) ?? [];
  const runSamplesMs = { stock: evenly(samplesOf('stock', 'mapped')), mapped: evenly(samplesOf('mapped', 'stock')) };
  if (runSamplesMs.stock.length === 0) return undefined;
  const freshOf = (form: LoadingForm): ActivationRow[] => byRun.filter((run) => run.loading === form).flatMap((run) => run.rows.filter(isFresh));
  const perForm = (valueOf: (fresh: readonly ActivationRow[], form: LoadingForm) => number | undefined, fallback: ActionProfile['loadMs'] | undefined): ActionProfile['loadMs'] => {
    const values = Object.fromEntries(loadingForms.map((form) => [form, valueOf(freshOf(form), form) ?? fallback?.[form]]));
    const either = values['stock'] ?? values['mapped'] ?? 0;
    return { stock: roundTo(values['stock'] ?? either, 3), mapped: roundTo(values['mapped'] ?? either, 3) };
  };
  const loads = runs.flatMap((run) => loadsOf(action, run.journalEntries));
  const reported = loads.flatMap((load) => load.reported ?? []);
  const reportedLoadMs = medianOf(reported.map(({ loadMs: said }) => said)) ?? base?.reportedLoadMs;
  const diskBytes = medianOf(reported.flatMap((load) => load.diskBytes ?? [])) ?? base?.diskBytes;
  const initOf = (startType: ActivationRow['startType'], fallback: ActionProfile['initMs'] | undefined): ActionProfile['initMs'] =>
    perForm((fresh) => medianOf(fresh.filter((row) => row.startType === startType).map((row) => row.initMs)), fallback);
  const initMs = initOf('prewarmed', base?.initMs);
  const loadMs = perForm((fresh) => medianOf(fresh.map((row) => row.loadMs)), base?.loadMs);
  const firstRunExtraMs = perForm((fresh, form) => {
    const firstMs = medianOf(fresh.map((row) => row.runMs));
    return firstMs === undefined ? undefined : Math.max(0, firstMs - (medianOf(runSamplesMs[form]) ?? 0));
  }, base?.firstRunExtraMs);
  return {
    initMs,
    coldInitMs: initOf('cold', base?.coldInitMs ?? initMs),
    adoptMs: measured(rows.filter((row) => row.startType === 'preloaded').map((row) => row.initMs), base?.adoptMs ?? initMs.mapped),
    loadMs,
    aheadLoadMs: roundTo(medianOfCensored(loads) ?? base?.aheadLoadMs ?? loadMs.mapped + firstRunExtraMs.mapped + (medianOf(runSamplesMs.mapped) ?? 0), 3),
    ...(reportedLoadMs === undefined ? {} : { reportedLoadMs: roundTo(reportedLoadMs, 3) }),
    runSamplesMs: { stock: runSamplesMs.stock.map((value) => roundTo(value, 3)), mapped: runSamplesMs.mapped.map((value) => roundTo(value, 3)) },
    firstRunExtraMs,
    residentBytes: Math.round(measured(reported.map(({ residentBytes }) => residentBytes), base?.residentBytes ?? 0)),
    ...(diskBytes === undefined ? {} : { diskBytes: Math.round(diskBytes) }),
    ...toldOf(action, runs, base),
  };
}

/** What the scheduler was told of the action. */
function toldOf(action: string, runs: readonly MeasuredRun[], base: ActionProfile | undefined): Pick<ActionProfile, 'estimatedLoadMs' | 'estimatedResidentBytes' | 'files'> {
  for (const { event } of runs.flatMap((run) => run.journalEntries)) {
    if (event.type !== 'actionDeployed' || shortNameOf(event.actionKey) !== action) continue;
    const { estimatedLoadMs, estimatedResidentBytes, files } = event;
    return { estimatedLoadMs, estimatedResidentBytes, ...(files === undefined ? {} : { files }) };
  }
  const { estimatedLoadMs = 0, estimatedResidentBytes = 0, files } = base ?? {};
  return { estimatedLoadMs, estimatedResidentBytes, ...(files === undefined ? {} : { files }) };
}

/** At most {@link maxRunSamples} of the values, spread evenly over their distribution. */
function evenly(values: readonly number[]): readonly number[] {
  if (values.length <= maxRunSamples) return values;
  const sorted = values.toSorted((a, b) => a - b);
  return Array.from({ length: maxRunSamples }, (_, index) => sorted[Math.floor(((index + 0.5) * sorted.length) / maxRunSamples)] ?? 0);
}

/** A load ahead of time: from the command to the answer, or until a call of another action cut it off. */
interface SeenLoad extends CensoredValue {
  /** What the container said, where it succeeded. */
  readonly reported?: Pick<LoadSucceeded, 'loadMs' | 'residentBytes' | 'diskBytes'>;
}

function loadsOf(action: string, entries: readonly JournalEntry[]): SeenLoad[] {
  const givenAt = new Map<string, number>();
  const seen: SeenLoad[] = [];
  for (const { event, commands } of entries) {
    if (event.type === 'loadSucceeded' || event.type === 'loadFailed') {
      const subject = `${event.containerId} ${event.actionKey}`;
      const startedAt = givenAt.get(subject);
      givenAt.delete(subject);
      if (startedAt !== undefined) {
        const value = event.at - startedAt;
        if (event.type === 'loadSucceeded') seen.push({ value, isCutOff: false, reported: event });
        else if (event.reason === 'cancelled') seen.push({ value, isCutOff: true });
      }
    }
    for (const command of commands) {
      if (command.type === 'load' && shortNameOf(command.actionKey) === action) givenAt.set(`${command.containerId} ${command.actionKey}`, event.at);
    }
  }
  return seen;
}

/** Activations that took a container in which a load of their own artifacts was under way. */
function joinedActivationsOf(entries: readonly JournalEntry[]): Set<string> {
  const underWay = new Map<string, string>();
  const joined = new Set<string>();
  for (const { event, commands } of entries) {
    if (event.type === 'loadSucceeded' || event.type === 'loadFailed') underWay.delete(event.containerId);
    for (const command of commands) {
      if (command.type === 'load') underWay.set(command.containerId, command.actionKey);
      if (command.type === 'startActivation' && underWay.get(command.containerId) === command.actionKey) joined.add(command.activationId);
    }
  }
  return joined;
}

/** Waits of activations that got a container on arrival and only had to wait for it to be cleaned. */
function cleaningWaitsOf({ rows, journalEntries }: MeasuredRun): number[] {
  const waitMsOf = new Map(rows.map((row) => [row.activationId, row.waitMs]));
  return journalEntries.flatMap(({ event, commands }) =>
    commands.flatMap((command) => {
      const isCleaned = event.type === 'activationArrived' && command.type === 'startActivation' && command.clean !== 'none';
      const waitMs = isCleaned && command.activationId === event.activationId ? waitMsOf.get(command.activationId) : undefined;
      return waitMs === undefined ? [] : [waitMs];
    }),
  );
}

type TimedCommand = 'cleanContainer' | 'removeContainer' | 'offload';

/** How long commands took, from the event that brought them about to the one that answers them; unanswered ones are left out. */
function commandDurationsOf(entries: readonly JournalEntry[]): Record<TimedCommand, number[]> {
  const durations: Record<TimedCommand, number[]> = { cleanContainer: [], removeContainer: [], offload: [] };
  const givenAt = new Map<string, number>();
  const answer = (type: TimedCommand, subject: string, at: number): void => {
    const startedAt = givenAt.get(`${type} ${subject}`);
    if (startedAt === undefined) return;
    givenAt.delete(`${type} ${subject}`);
    durations[type].push(at - startedAt);
  };
  for (const { event, commands } of entries) {
    if (event.type === 'containerCleaned') answer('cleanContainer', event.containerId, event.at);
    if (event.type === 'containerRemoved' && event.reason === 'requested') answer('removeContainer', event.containerId, event.at);
    if (event.type === 'offloadCompleted') answer('offload', `${event.containerId} ${event.actionKey}`, event.at);
    for (const command of commands) {
      if (command.type === 'offload') givenAt.set(`offload ${command.containerId} ${command.actionKey}`, event.at);
      if (command.type === 'cleanContainer' || command.type === 'removeContainer') givenAt.set(`${command.type} ${command.containerId}`, event.at);
    }
  }
  return durations;
}
