import { strict as assert } from 'node:assert';
import { LogCollector, sentinel } from '../log-collector.ts';

const collectorOf = (markerTimeoutMs = 60_000): LogCollector => new LogCollector({ markerTimeoutMs, failedMarkerTimeoutMs: 1, now: () => Date.UTC(2026, 0, 2) });

describe('the log collector', () => {
  it('gives an activation the lines of both streams up to their markers, in order', async () => {
    const collector = collectorOf();
    const collect = collector.begin(1000);
    collector.listener('stdout', 'one');
    collector.listener('stderr', 'two');
    collector.listener('stdout', sentinel);
    collector.listener('stderr', 'three');
    collector.listener('stderr', sentinel);
    assert.deepEqual((await collect(false)).lines, [
      '2026-01-02T00:00:00.000Z       stdout: one',
      '2026-01-02T00:00:00.000Z       stderr: two',
      '2026-01-02T00:00:00.000Z       stderr: three',
    ]);
  });

  it('keeps text that stands before a marker on its line', async () => {
    const collector = collectorOf();
    const collect = collector.begin(1000);
    collector.listener('stdout', `no newline${sentinel}`);
    collector.listener('stderr', sentinel);
    assert.match((await collect(false)).lines.join(), /stdout: no newline$/);
  });

  it('does not mix what comes after the markers into the next activation', async () => {
    const collector = collectorOf();
    const first = collector.begin(1000);
    collector.listener('stdout', sentinel);
    collector.listener('stderr', sentinel);
    collector.listener('stdout', 'stray');
    const second = collector.begin(1000);
    collector.listener('stdout', 'mine');
    collector.listener('stdout', sentinel);
    collector.listener('stderr', sentinel);
    assert.deepEqual((await first(false)).lines, []);
    assert.match((await second(false)).lines.join(), /stdout: mine$/);
  });

  it('cuts at the limit and says so', async () => {
    const collector = collectorOf();
    const collect = collector.begin(100);
    for (let index = 0; index < 10; index += 1) collector.listener('stdout', 'x'.repeat(20));
    collector.listener('stdout', sentinel);
    collector.listener('stderr', sentinel);
    const { lines } = await collect(false);
    assert.match(lines.at(-1) ?? '', /Logs were truncated because the total bytes size exceeds the limit of 100 bytes\./);
    assert.ok(lines.length < 10);
  });

  it('gives up on a missing marker and says that data may be missing', async () => {
    const collector = collectorOf(1);
    const collect = collector.begin(1000);
    collector.listener('stdout', 'one');
    const { lines, isComplete } = await collect(false);
    assert.match(lines.at(-1) ?? '', /There was an issue while collecting your logs/);
    assert.equal(isComplete, false);
  });

  it('hardly waits for the markers of an action that failed, and says that they may be missing', async () => {
    const collector = collectorOf();
    const collect = collector.begin(1000);
    collector.listener('stdout', 'last words');
    const { lines } = await collect(true);
    assert.match(lines.at(-2) ?? '', /stdout: last words$/);
    assert.match(lines.at(-1) ?? '', /stderr: The action did not initialize or run as expected\. Log data might be missing\.$/);
  });
});

describe('the log collector, of activations that run at once', () => {
  const ends = (collector: LogCollector): void => {
    for (const stream of ['stdout', 'stderr'] as const) collector.listener(stream, sentinel);
  };
  const texts = ({ lines }: { lines: readonly string[] }): string[] => lines.map((line) => line.replace(/^\S+\s+std...: /, ''));

  it('gives each what was written between two ends, in the order in which they end', async () => {
    const collector = collectorOf();
    const long = collector.begin(1000);
    const short = collector.begin(1000);
    collector.listener('stdout', 'long begins');
    collector.listener('stdout', 'short');
    ends(collector);
    assert.deepEqual(texts(await short(false)), ['long begins', 'short']);
    collector.listener('stdout', 'long ends');
    ends(collector);
    assert.deepEqual(texts(await long(false)), ['long ends']);
  });

  it('waits for as many ends as there are activations, also where both replies come first', async () => {
    const collector = collectorOf();
    const both = [collector.begin(1000), collector.begin(1000)].map((collect) => collect(false));
    collector.listener('stdout', 'one');
    ends(collector);
    collector.listener('stdout', 'two');
    ends(collector);
    assert.deepEqual((await Promise.all(both)).map(texts), [['one'], ['two']]);
  });

  it('lets one that failed without an end go, and keeps the others apart', async () => {
    const collector = collectorOf();
    const failed = collector.begin(1000);
    const other = collector.begin(1000);
    collector.listener('stderr', 'last words');
    assert.equal((await failed(true)).isComplete, false);
    collector.listener('stdout', 'mine');
    ends(collector);
    const logs = await other(false);
    assert.deepEqual([texts(logs), logs.isComplete], [['mine'], true]);
  });
});
