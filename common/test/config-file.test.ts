import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readConfigFile } from '../config-file.ts';

describe('readConfigFile', () => {
  let directory: string;
  const fileOf = (content: string): string => {
    const file = path.join(directory, 'settings.json');
    writeFileSync(file, content);
    return file;
  };
  before(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'config-file-'));
  });
  after(() => {
    rmSync(directory, { recursive: true });
  });

  it('reads the file that the last --config names, or the environment', () => {
    const file = fileOf('{"id": 3, "preload": false, "brokers": ["a:1", "b:2"]}');
    const expected = { name: file, settings: { id: 3, preload: false, brokers: ['a:1', 'b:2'] } };
    assert.deepEqual(readConfigFile(['--config', 'x', '--config', file], {}), expected);
    assert.deepEqual(readConfigFile([`--config=${file}`], {}), expected);
    assert.deepEqual(readConfigFile([], { INSTAINFER_CONFIG: file }), expected);
    assert.equal(readConfigFile([], {}), undefined);
  });

  it('says what is wrong with a file', () => {
    assert.throws(() => readConfigFile(['--config', path.join(directory, 'none.json')], {}), { code: 'BAD_OPTION' });
    assert.throws(() => readConfigFile(['--config', fileOf('{')], {}), { code: 'BAD_OPTION' });
    assert.throws(() => readConfigFile(['--config', fileOf('{"id": {"a": 1}}')], {}), /id is neither/);
  });
});
