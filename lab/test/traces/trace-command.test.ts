import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { shippedTraceFile } from '../../shipped-files.ts';
import { runTraceCommand } from '../../traces/trace-command.ts';
import type { TraceInfo } from '../../traces/trace-info.ts';

const run = async (...argv: string[]): Promise<string> => {
  const parts: string[] = [];
  assert.equal(await runTraceCommand(argv, {}, { write: (text) => parts.push(text) }), 0);
  return parts.join('');
};
const infoOf = async (file: string): Promise<TraceInfo> => JSON.parse(await run('info', '--trace', file)) as TraceInfo;

describe('npm run trace', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'lab-trace-command-'));
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('info: the shipped trace has the 8 functions and 114 calls of the demo, all normal', async () => {
    const { functions, invocations, minutes, functionsByRegularity } = await infoOf(shippedTraceFile);
    assert.deepEqual({ functions, invocations, minutes, functionsByRegularity }, {
      functions: 8,
      invocations: 114,
      minutes: 5,
      functionsByRegularity: { predictable: 0, normal: 8, bursty: 0, 'too few calls': 0 },
    });
  });

  it('select: cuts the minutes asked for, of as many functions as asked for, the same for the same seed', async () => {
    const cut = async (seed: number): Promise<string[]> => (await run('select', '--trace', shippedTraceFile, '--count', '3', '--minutes', '4', '--seed', String(seed))).trim().split('\n');
    const first = await cut(1);
    assert.equal(first.length, 4);
    assert.equal(first[0], 'HashOwner,HashApp,HashFunction,Trigger,1,2,3,4');
    assert.deepEqual(await cut(1), first);
    const others = await Promise.all([2, 3, 4, 5].map(cut));
    assert.ok(others.some((other) => other.join() !== first.join()));
  });

  it('select: what it writes is a trace again', async () => {
    const file = path.join(folder, 'cut.csv');
    await run('select', '--trace', shippedTraceFile, '--count', '2', '--out', file);
    const { functions, minutes } = await infoOf(file);
    assert.deepEqual([functions, minutes], [2, 5]);
  });

  it('select: says so where nothing fits', async () => {
    await assert.rejects(run('select', '--trace', shippedTraceFile, '--class', 'bursty'), { code: 'BAD_TRACE' });
  });

  it('synth: makes functions of the class asked for', async () => {
    const file = path.join(folder, 'bursty.csv');
    await run('synth', '--class', 'bursty', '--functions', '4', '--minutes', '600', '--per-minute', '5', '--skew', '0', '--out', file);
    const { functions, functionsByRegularity, meanRunMs } = await infoOf(file);
    assert.equal(functions, 4);
    assert.ok((functionsByRegularity?.bursty ?? 0) >= 3, JSON.stringify(functionsByRegularity));
    assert.ok(meanRunMs !== null && meanRunMs >= 50 && meanRunMs <= 500);
  });

  for (const argv of [['--help'], ['info', '--help'], ['select', '--help'], ['synth', '--help']]) {
    it(`${argv.join(' ')} says how it is used`, async () => {
      assert.match(await run(...argv), /Usage/);
    });
  }

  it('says what it does not know', async () => {
    await assert.rejects(runTraceCommand(['cut'], {}, { write: () => undefined }), { code: 'BAD_OPTION' });
    await assert.rejects(runTraceCommand(['info'], {}, { write: () => undefined }), { code: 'BAD_OPTION', message: /--trace/ });
  });

  it('info: reads a day of 6000 functions with a heap that could not hold its counts', async function () {
    this.timeout(120_000);
    const file = path.join(folder, 'day.csv');
    const minutes = Array.from({ length: 1440 }, (_, index) => index + 1);
    const row = (index: number): string => `owner${index},app${index},${String(index).padStart(64, '0')},http,${minutes.map((minute) => ((minute * 7 + index) % 97 === 0 ? 3 : 0)).join(',')}`;
    writeFileSync(file, `HashOwner,HashApp,HashFunction,Trigger,${minutes.join(',')}\n`);
    for (let index = 0; index < 6000; index += 500) {
      writeFileSync(file, `${Array.from({ length: 500 }, (_, offset) => row(index + offset)).join('\n')}\n`, { flag: 'a' });
    }
    // 6000 × 1440 counts of 8 bytes are 66 MiB.
    const main = path.resolve(import.meta.dirname, '../../main.js');
    const { stdout } = await promisify(execFile)(process.execPath, ['--max-old-space-size=40', main, 'trace', 'info', '--trace', file]);
    const { functions, minutes: read } = JSON.parse(stdout) as TraceInfo;
    assert.deepEqual([functions, read], [6000, 1440]);
  });
});
