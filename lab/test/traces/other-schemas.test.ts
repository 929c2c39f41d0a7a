import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseAzure2021 } from '../../traces/azure-2021.ts';
import { readAppMemory, readDayTotals, readFunctionDurations } from '../../traces/azure-2019-details.ts';
import { topLevelObjects } from '../../traces/json-objects.ts';
import { openTrace } from '../../traces/open-trace.ts';
import { parseActivations } from '../../traces/openwhisk-activations.ts';
import { azure2021Lines, syntheticInvocations } from '../../traces/synthetic-trace.ts';

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('trace schemas', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'lab-traces-'));
  after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = (name: string, ...lines: string[]): string => {
    const where = path.join(folder, name);
    writeFileSync(where, `${lines.join('\n')}\n`);
    return where;
  };

  describe('Azure 2021', () => {
    const header = 'app,func,end_timestamp,duration';

    it('puts calls that ended in order into order of arrival', async () => {
      const calls = await collect(parseAzure2021([header, 'a,f,10,1', 'a,g,11,10', 'b,f,4000,0.5'], 'x'));
      assert.deepEqual(calls, [
        { atMs: 1000, functionKey: 'a/g', durationMs: 10_000 },
        { atMs: 9000, functionKey: 'a/f', durationMs: 1000 },
        { atMs: 3_999_500, functionKey: 'b/f', durationMs: 500 },
      ]);
    });

    it('takes ends too large for the trace in seconds as milliseconds', async () => {
      const calls = await collect(parseAzure2021([header, 'a,f,10,1', 'a,f,1300000,500'], 'x'));
      assert.deepEqual(calls.map(({ atMs, durationMs }) => [atMs, durationMs]), [[9, 1], [1_299_500, 500]]);
    });

    it('refuses a call that comes more than an hour out of order', async () => {
      await assert.rejects(collect(parseAzure2021([header, 'a,f,100,1', 'a,f,8000,1', 'a,f,50,1'], 'x')), { code: 'BAD_TRACE' });
    });

    for (const [what, lines] of [
      ['a missing column', ['app,func,end_timestamp', 'a,f,1']],
      ['a field that is no number', [header, 'a,f,soon,1']],
      ['a row that is too short', [header, 'a,f,1']],
      ['a negative duration', [header, 'a,f,1,-1']],
      ['an empty file', []],
    ] as const) {
      it(`refuses ${what}`, async () => {
        await assert.rejects(collect(parseAzure2021(lines, 'x')), { code: 'BAD_TRACE' });
      });
    }

    it('reads back what synth writes', async () => {
      const input = { syntheticClass: 'mixed', functionCount: 5, durationMs: 600_000, meanPerMinute: 6, skew: 1, seed: 4 } as const;
      const written = [...syntheticInvocations(input)];
      const read = await collect(parseAzure2021(azure2021Lines(written), 'x'));
      assert.ok(written.length > 100);
      assert.deepEqual(read.map(({ functionKey, durationMs }) => [functionKey, Math.round(durationMs ?? 0)]), written.map(({ functionKey, durationMs }) => [functionKey, durationMs]));
      assert.ok(read.every(({ atMs }, index) => Math.abs(atMs - (written[index]?.atMs ?? 0)) < 0.01));
    });
  });

  describe('the other files of Azure 2019', () => {
    it('gives durations by function', async () => {
      const where = file('durations.csv', 'HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,percentile_Average_0', 'o,a,f,12.5,3,10,20,9');
      assert.deepEqual(await collect(readFunctionDurations(where)), [{ functionKey: 'o/a/f', averageMs: 12.5, count: 3, minimumMs: 10, maximumMs: 20 }]);
    });

    it('gives memory by application', async () => {
      const where = file('memory.csv', 'HashOwner,HashApp,SampleCount,AverageAllocatedMb,AverageAllocatedMb_pct1', 'o,a,30,170.5,150');
      assert.deepEqual(await collect(readAppMemory(where)), [{ appKey: 'o/a', sampleCount: 30, averageMb: 170.5 }]);
    });

    it('gives the totals of a day', async () => {
      const where = file('totals.csv', 'HashFunction,Average,Count', 'f,219.0,98777');
      assert.deepEqual(await collect(readDayTotals(where)), [{ functionKey: 'f', averageMs: 219, count: 98_777 }]);
    });
  });

  describe('OpenWhisk activations', () => {
    const record = (name: string, start: number, annotations: object[] = []): string =>
      JSON.stringify({ namespace: 'guest', name, activationId: 'x', start, end: start + 250, duration: 250, response: { result: { text: 'a } and a " in it' } }, annotations: [{ key: 'path', value: `guest/pack/${name}` }, ...annotations] });

    for (const [shape, text] of [
      ['an array', `[${record('b', 2000)},\n${record('a', 1000)}]`],
      ['one a line', `${record('b', 2000)}\n${record('a', 1000)}\n`],
      ['what wsk activation get prints', `ok: got activation 3f2b\n${record('b', 2000)}\nok: got activation 5a8b\n${record('a', 1000)}`],
    ] as const) {
      it(`reads ${shape}, newest first, into order of arrival`, async () => {
        assert.deepEqual(await parseActivations([text], 'x'), [
          { atMs: 0, functionKey: 'guest/pack/a', durationMs: 250 },
          { atMs: 1000, functionKey: 'guest/pack/b', durationMs: 250 },
        ]);
      });
    }

    it('counts back from the start by the wait, and takes /init out of the duration', async () => {
      const text = record('a', 1000) + record('b', 2000, [{ key: 'waitTime', value: 77 }, { key: 'initTime', value: 180 }]);
      assert.deepEqual((await parseActivations([text], 'x'))[1], { atMs: 923, functionKey: 'guest/pack/b', durationMs: 70 });
    });

    it('refuses a record that is none', async () => {
      await assert.rejects(parseActivations(['[{"name":"a"}]'], 'x'), { code: 'BAD_TRACE', message: /record 1/ });
    });

    it('finds the objects wherever the chunks are cut', async () => {
      const text = `[${record('b', 2)}, ${record('a', 1)}]`;
      for (const size of [1, 2, 7, 50]) {
        const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, index) => text.slice(index * size, (index + 1) * size));
        assert.deepEqual(await collect(topLevelObjects(chunks)), [record('b', 2), record('a', 1)]);
      }
    });
  });

  describe('openTrace', () => {
    it('reads an output.log in order of arrival', async () => {
      const row = (action: string, arrival: number, status = 'success'): string => JSON.stringify({ activationId: '1', action, arrival, startType: 'warm', runMs: 20, status });
      const opened = await openTrace(file('output.log', row('b', 30), row('a', 10, 'whisk internal error')));
      assert.equal(opened.kind, 'invocations');
      assert.deepEqual(opened.kind === 'invocations' ? [...(opened.invocations as Iterable<unknown>)] : [], [
        { atMs: 10, functionKey: 'a', durationMs: undefined },
        { atMs: 30, functionKey: 'b', durationMs: 20 },
      ]);
    });

    for (const [name, firstLine, schema] of [
      ['counts.csv', 'HashOwner,HashApp,HashFunction,Trigger,1', 'Azure Functions 2019, counts per minute'],
      ['day.csv', 'HashFunction,Average,Count', 'Azure Functions 2019, totals of a day'],
      ['2021.txt', 'app,func,end_timestamp,duration', 'Azure Functions 2021'],
    ] as const) {
      it(`knows ${schema} by its header`, async () => {
        assert.equal((await openTrace(file(name, firstLine))).schema, schema);
      });
    }

    it('refuses what it does not know', async () => {
      await assert.rejects(openTrace(file('other.csv', 'when,what', '1,2')), { code: 'BAD_TRACE' });
    });
  });
});
