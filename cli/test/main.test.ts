// The program as a person calls it: what it prints, where to, and the exit code.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { commands } from '../commands/index.ts';

const main = path.resolve(import.meta.dirname, '../main.js');

function instainfer(...argv: string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...argv], { encoding: 'utf8' });
  return { code: status, stdout, stderr };
}

describe('instainfer', function () {
  this.timeout(60_000);

  it('lists its commands, on standard error and with exit code 2 when none was given', () => {
    const asked = instainfer('--help');
    assert.equal(asked.code, 0);
    for (const { name, summary } of commands) assert.ok(asked.stdout.includes(`${name} `) && asked.stdout.includes(summary));
    const bare = instainfer();
    assert.deepEqual([bare.code, bare.stdout, bare.stderr], [2, '', asked.stdout]);
  });

  for (const { name } of commands) {
    it(`${name} --help says how it is used`, () => {
      const { code, stdout } = instainfer(name, '--help');
      assert.equal(code, 0);
      assert.match(stdout, /usage/i);
      assert.equal(instainfer('help', name).stdout, stdout);
    });
  }

  it('says what comes near a command that does not exist', () => {
    const { code, stderr } = instainfer('dmeo');
    assert.equal(code, 2);
    assert.equal(stderr, "There is no command 'dmeo'. Did you mean demo? [BAD_OPTION]\n");
  });

  it('tells a wrong option from a failure by the exit code', () => {
    assert.equal(instainfer('demo', '--sped', '2').code, 2);
    assert.equal(instainfer('sim', '--trace', '/no/such/file').code, 1);
  });
});
