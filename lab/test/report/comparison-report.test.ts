import { strict as assert } from 'node:assert';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runLabCommand } from '../../lab-command.ts';
import { costBySize } from '../../report/charts.ts';
import { comparisonReport } from '../../report/comparison-report.ts';

describe('the report of a comparison', function () {
  this.timeout(30_000);
  const folder = mkdtempSync(path.join(tmpdir(), 'lab-report-'));
  let page = '';
  before(async () => {
    const file = path.join(folder, 'report.html');
    const silent = { write: (): void => undefined };
    await runLabCommand(['compare', '--policies', 'keep-alive,ours', '--memory', '50%,100%', '--seeds', '2', '--report', file], {}, { stdout: silent, stderr: silent, clock: () => 0, peakMemoryBytes: () => 0 });
    page = readFileSync(file, 'utf8');
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('needs nothing else: no script, no address of the network, and a policy that says so', () => {
    assert.match(page, /Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/);
    assert.doesNotMatch(page, /<script|<link|<img|@import|url\(|\ssrc=|href=/i);
    assert.doesNotMatch(page.replaceAll(/xmlns(:\w+)?="[^"]*"/g, ''), /https?:/);
  });

  it('has a drawing for the sweep, each memory size, the timeline and memory over time, each with a name', () => {
    assert.equal(page.match(/<svg[^>]*aria-label="[^"]+"/g)?.length, 5);
    assert.doesNotMatch(page, /NaN|undefined/);
  });

  it('marks on the timeline every call of the run that it shows', () => {
    assert.equal(page.match(/<title>[\w-]+: (cold|prewarmed|warm|preloaded)<\/title>/g)?.length, 114);
  });

  it('has each figure in a table, and what to type for the same figures', () => {
    assert.equal(page.match(/<tr[ >]/g)?.length, 2 * (1 + 4));
    assert.match(page, /<h2>Hits by the regularity of calls<\/h2>.*<th scope="col">normal<\/th>/s);
    assert.match(page, /npm run lab -- compare.* --policies keep-alive,ours --memory 50%,100% --seeds 2/);
    assert.match(page, /Seeds 1, 2\./);
  });

  it('escapes what comes from outside', () => {
    const hostile = '<script>alert("1")</script>';
    const held = [{ container: hostile, action: hostile, isOwn: true, fromMs: 0, toMs: 1000 }];
    const starts = [{ container: hostile, action: hostile, atMs: 0, startType: 'cold' as const }];
    const recording = { held, starts, memory: [{ atMs: 0, bytes: 1 }], isCut: false };
    const text = comparisonReport({ title: hostile, notes: [hostile], command: hostile, seeds: [1], rows: [], example: { title: hostile, recording } });
    assert.doesNotMatch(text, /<script/i);
  });
});

describe('the drawing of what an event costs', () => {
  it('has a line for what was measured, one for log n, and a dot for each size', () => {
    const drawing = costBySize([100, 1000, 20_000].map((size) => ({ size, ratio: 1.2, growth: Math.log(size) / Math.log(100) })));
    assert.match(drawing, /aria-label="Cost of an event against the number of functions"/);
    assert.equal(drawing.match(/aria-label="line"/g)?.length, 2);
    assert.equal(drawing.match(/<circle/g)?.length, 3);
    assert.doesNotMatch(drawing, /NaN|undefined/);
  });
});
