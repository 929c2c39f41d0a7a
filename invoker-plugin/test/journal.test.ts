import { strict as assert } from 'node:assert';
import type { SchedulerCommand } from '../core/commands.ts';
import type { SchedulerConfig } from '../core/config.ts';
import type { SchedulerEvent } from '../core/events.ts';
import { JournalRecorder, parseJournal } from '../journal.ts';

const config: SchedulerConfig = {
  poolMemoryBytes: 8e9, prewarmPolicy: 'pagurus', preload: true, keepAliveMs: 60_000, zygoteWindowMs: 120_000, stemCellCount: 2,
  stemCellMemoryBytes: 2e9, maxConcurrentLoads: 1, valueHorizonMs: 60_000, evictionHysteresis: 1.2, headroomShare: 0.1, mostPinnedShare: 0.25, readAheadBytesPerSecond: 1e8, memoryPriceMsPerGibSecond: 2, maxQueuedActivations: 9,
};
const steps: [SchedulerEvent, SchedulerCommand[]][] = [
  [{ type: 'actionDeployed', at: 1.5, actionKey: 'n/a@1', namespace: 'n', memoryLimitBytes: 1, declaresArtifacts: true, estimatedLoadMs: 3, estimatedResidentBytes: 4 }, [{ type: 'createContainer', containerId: 'c', memoryLimitBytes: 1, reason: 'stem-cell' }]],
  [{ type: 'planReceived', at: 2, actionKey: 'n/a@1', arrivalRatePerMs: 0.1, sampleCount: 2, lastArrivalAt: 1, preloadWindowMs: 5, offloadWindowMs: undefined }, []],
  [{ type: 'activationArrived', at: 3, activationId: 'x', actionKey: 'n/a@1' }, [{ type: 'startActivation', activationId: 'x', containerId: 'c', actionKey: 'n/a@1', startType: 'cold', clean: 'none', init: true }]],
];
const record = (): string[] => {
  const lines: string[] = [];
  const recorder = new JournalRecorder({ startedAt: 1, config }, (line) => lines.push(line));
  for (const [event, commands] of steps) recorder.record(event, commands);
  return lines;
};

describe('a journal', () => {
  it('reads back as it was recorded, numbered from one, one line for each step behind the header', () => {
    const lines = record();
    assert.ok(lines.every((line) => line.endsWith('\n') && line.indexOf('\n') === line.length - 1));
    const { header, entries } = parseJournal(lines);
    assert.deepEqual(header, { formatVersion: 1, startedAt: 1, config });
    assert.deepEqual(entries, steps.map(([event, commands], index) => ({ seq: index + 1, event: JSON.parse(JSON.stringify(event)) as unknown, commands })));
  });

  it('ignores blank lines at its end', () => {
    assert.equal(parseJournal([...record(), '', '\n']).entries.length, 3);
  });

  for (const [title, spoil, part] of [
    ['an empty one', () => [], 'empty'],
    ['one cut within a line', (lines: string[]) => [...lines.slice(0, 3), lines[3]!.slice(0, 20)], 'line 4: no JSON'],
    ['one with a missing step', (lines: string[]) => [lines[0]!, lines[1]!, lines[3]!], 'line 3: seq is 3 where 2 follows'],
    ['one of another version', (lines: string[]) => [lines[0]!.replace('"formatVersion":1', '"formatVersion":2')], 'line 1: formatVersion'],
    ['one without a header', (lines: string[]) => lines.slice(1), 'line 1'],
    ['an event it does not know', (lines: string[]) => [lines[0]!, lines[1]!.replace('actionDeployed', 'actionBlessed')], 'line 2: event.type'],
    ['an event without its time', (lines: string[]) => [lines[0]!, lines[1]!.replace('"at":1.5,', '')], 'line 2: event.at'],
    ['an event with a field that would be lost', (lines: string[]) => [lines[0]!, lines[1]!.replace('"at":1.5,', '"at":1.5,"mood":1,')], 'line 2: event'],
    ['a negative size', (lines: string[]) => [lines[0]!, lines[1]!.replace('"memoryLimitBytes":1,"declares', '"memoryLimitBytes":-1,"declares')], 'line 2: event.memoryLimitBytes'],
  ] as const) {
    it(`is refused with its line when it is ${title}`, () => {
      assert.throws(() => parseJournal(spoil(record())), (thrown: unknown) => {
        assert.ok(thrown instanceof Error && 'code' in thrown && thrown.code === 'BAD_JOURNAL');
        assert.ok(thrown.message.includes(part), thrown.message);
        return true;
      });
    });
  }
});
