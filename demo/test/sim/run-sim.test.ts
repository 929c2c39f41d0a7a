import { strict as assert } from 'node:assert';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { replayJournal } from '../../../invoker-plugin/replay-journal.ts';
import { comparisonSchema, summarySchema } from '../../report/summary-schema.ts';
import { runSimCommand } from '../../sim/run-sim.ts';

const run = async (...argv: string[]): Promise<{ code: number; text: string; remarks: string }> => {
  const parts: string[] = [];
  const remarks: string[] = [];
  const code = await runSimCommand(argv, {}, { stdout: { write: (text) => parts.push(text) }, stderr: { write: (text) => remarks.push(text) } });
  return { code, text: parts.join(''), remarks: remarks.join('') };
};
const linesOf = (file: string): string[] => readFileSync(file, 'utf8').trimEnd().split('\n');

describe('npm run sim', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'instainfer-sim-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('prints summary.json on standard output with --json, and nothing else', async () => {
    const { code, text } = await run('--json');
    const summary = summarySchema.parse(JSON.parse(text));
    assert.equal(code, 0);
    assert.deepEqual([summary.activations.expected, summary.activations.succeeded, summary.context.source], [114, 114, 'simulated']);
  });

  it('fires 126 activations with the arrivals of the original script', async () => {
    assert.equal(summarySchema.parse(JSON.parse((await run('--json', '--arrivals', 'script')).text)).activations.succeeded, 126);
  });

  it('is the same to the byte for the same seed and differs for another', async () => {
    const [first, again, other] = [await run('--json'), await run('--json'), await run('--json', '--seed', '2')];
    assert.equal(again.text, first.text);
    assert.notEqual(other.text, first.text);
  });

  it('writes rows, journal and summary where --out says, and no file otherwise', async () => {
    const out = path.join(folder, 'run');
    const { text } = await run('--json', '--out', out);
    assert.deepEqual(readdirSync(out).sort(), ['journal.jsonl', 'output.log', 'report.html', 'summary.json']);
    assert.equal(readFileSync(path.join(out, 'summary.json'), 'utf8'), text);
    assert.equal(linesOf(path.join(out, 'output.log')).length, 114);
    assert.deepEqual(replayJournal(linesOf(path.join(out, 'journal.jsonl'))), []);
  });

  it('compares five arms on the same arrivals and tells what each part contributes', async () => {
    const { code, text } = await run('--compare', '--out', folder);
    const comparison = comparisonSchema.parse(JSON.parse(readFileSync(path.join(folder, 'summary.json'), 'utf8')));
    assert.equal(code, 0);
    assert.equal(comparison.arms.length, 5);
    assert.ok(comparison.arms.every((arm) => arm.activations.succeeded === 114));
    assert.equal(readdirSync(folder).length, 7);
    for (const expected of ['none, stock', 'pagurus, mapped, pre-load', 'mapped loading', 'Pre-loading alone']) assert.ok(text.includes(expected), expected);
  });

  it('says how far it agrees with another run of the same options, and fails above 5 %', async () => {
    const file = path.join(folder, 'live.json');
    const summary = summarySchema.parse(JSON.parse((await run('--json')).text));
    writeFileSync(file, JSON.stringify(summary));
    const same = await run('--json', '--against', file);
    assert.deepEqual([same.code, same.remarks.includes('simulation agrees')], [0, true]);
    const { byStartType } = summary.activations;
    const moved = { ...byStartType, warm: (byStartType['warm'] ?? 0) - 6, cold: (byStartType['cold'] ?? 0) + 6 };
    writeFileSync(file, JSON.stringify({ ...summary, activations: { ...summary.activations, byStartType: moved } }));
    const other = await run('--json', '--against', file);
    assert.deepEqual([other.code, other.remarks.includes('does not agree'), other.remarks.includes('6 differ (5.3 %')], [1, true, true]);
  });

  it('refuses to be held against a run of other options or arms', async () => {
    const file = path.join(folder, 'live.json');
    writeFileSync(file, (await run('--json', '--seed', '2')).text);
    await assert.rejects(run('--json', '--against', file), { message: '--against was run with seed 2, the simulation with 1.' });
    await assert.rejects(run('--json', '--seed', '2', '--preload', 'off', '--against', file), /holds no run of "pagurus, mapped"/);
    writeFileSync(file, '{}');
    await assert.rejects(run('--against', file), { code: 'BAD_OPTION' });
  });

  it('prints its options with --help', async () => {
    const { code, text } = await run('--help');
    assert.equal(code, 0);
    assert.ok(text.includes('--profile FILE') && text.includes('--policy none|stemcell|pagurus'));
  });

  it('takes another trace, its functions mapped to the actions in turn', async () => {
    const file = path.join(folder, 'mine.csv');
    writeFileSync(file, 'HashOwner,HashApp,HashFunction,Trigger,1,2\no,a,f,http,3,0\no,a,g,http,0,2\n');
    const summary = summarySchema.parse(JSON.parse((await run('--json', '--trace', file, '--actions', 'resnet50,bert-base')).text));
    assert.deepEqual(summary.actions.map(({ action, activations }) => [action, activations]), [['bert-base', 2], ['resnet50', 3]]);
    assert.deepEqual(summary.context.trace, { file: 'mine.csv', minutes: 2, functions: 2, invocations: 5 });
  });

  for (const [argv, code] of [
    [['--policy', 'best'], 'BAD_OPTION'],
    [['--memory', '1024'], 'TOO_LITTLE_MEMORY'],
    [['--trace', '/nowhere.csv'], 'BAD_TRACE'],
    [['--profile', '/nowhere.json'], 'BAD_PROFILE'],
    [['--actions', 'gpt-17'], 'BAD_PROFILE'],
    [['--cache', 'cold'], 'BAD_OPTION'],
  ] as const) {
    it(`refuses ${argv.join(' ')} with ${code} and a way out`, async () => {
      await assert.rejects(run(...argv), (thrown: unknown) => {
        assert.ok(thrown instanceof Error && 'code' in thrown && 'fix' in thrown);
        assert.equal(thrown.code, code);
        assert.ok(String(thrown.fix).length > 0 && !thrown.message.includes('\n'));
        return true;
      });
    });
  }
});
