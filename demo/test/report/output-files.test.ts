import { strict as assert } from 'node:assert';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openRunFiles, writeJsonFile } from '../../report/output-files.ts';
import { rowWith } from '../../testing/report-builders.ts';

describe('openRunFiles', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'instainfer-out-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('has every row and journal line on file as soon as it was written, before closing', () => {
    const out = path.join(folder, 'deep', 'run');
    const files = openRunFiles(out);
    const rows = [rowWith({ activationId: 'a1' }), rowWith({ activationId: 'a2', inferenceMs: 3 })];
    for (const row of rows) files.writeRow(row);
    files.writeJournalLine('{"x":1}\n');
    const written = readFileSync(path.join(out, 'output.log'), 'utf8').trimEnd().split('\n');
    assert.deepEqual(written.map((line) => JSON.parse(line) as unknown), rows);
    assert.equal(readFileSync(path.join(out, 'journal.jsonl'), 'utf8'), '{"x":1}\n');
    files.close();
    files.close();
  });

  it('leaves the earlier summary as it was when a new one cannot be written', () => {
    const file = path.join(folder, 'summary.json');
    writeJsonFile(file, { first: true });
    const cannotBecomeJson = { count: 1n };
    assert.throws(() => {
      writeJsonFile(file, cannotBecomeJson);
    });
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { first: true });
    assert.deepEqual(readdirSync(folder), ['summary.json']);
  });

  it('says which folder cannot be written and what to give instead', () => {
    writeFileSync(path.join(folder, 'file'), '');
    assert.throws(() => openRunFiles(path.join(folder, 'file', 'run')), { code: 'BAD_OPTION', fix: 'Give a folder you may write to as --out.' });
  });

  it('reports a full disk as such', function () {
    if (!existsSync('/dev/full')) this.skip();
    symlinkSync('/dev/full', path.join(folder, 'output.log'));
    const files = openRunFiles(folder);
    assert.throws(() => {
      files.writeRow(rowWith());
    }, { code: 'DISK_FULL' });
    files.close();
  });
});
