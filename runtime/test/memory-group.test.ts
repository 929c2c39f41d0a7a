// What the kernel of this machine says of memory control groups, as a process in them reads it: version 1 or 2, whichever it
// has. scripts/cgroup-v2 gives it one that has version 2.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import type { GroupMemory } from '../core/control-group.ts';
import { MemoryGroup } from '../testing/memory-group.ts';

const megabyte = 2 ** 20;
const limitBytes = 128 * megabyte;

/** What a process in a group has to say of it. */
interface Account {
  readonly groups: readonly GroupMemory[];
  readonly limitBytes: number;
  readonly privateBytes: number;
  readonly killsBefore: number;
  readonly killsAfter: number;
}

/** Holds 32 MB, has written 64 MB into a file, and sees a child that takes more than there is being killed. */
const accountCode = `
  import { spawnSync } from 'node:child_process';
  import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
  import os from 'node:os';
  import path from 'node:path';
  const { ControlGroups, privateBytesNow, setOomScore } = await import(process.argv[1]);
  const groups = new ControlGroups();
  const held = Buffer.alloc(${32 * megabyte}, 1);
  const folder = mkdtempSync(path.join(os.tmpdir(), 'account-'));
  const file = openSync(path.join(folder, 'file'), 'w');
  for (let written = 0; written < 2; written++) writeSync(file, held);
  fsyncSync(file);
  const account = { groups: groups.read(), limitBytes: groups.limitBytes, privateBytes: privateBytesNow(process.pid), killsBefore: groups.oomKills };
  closeSync(file);
  rmSync(folder, { recursive: true });
  setOomScore(process.pid, 'proxy');
  spawnSync(process.execPath, ['-e', 'const held = []; for (;;) held.push(Buffer.alloc(${megabyte}, 1))']);
  console.log(JSON.stringify({ ...account, killsAfter: groups.oomKills }));`;

/**
 * What a process prints as JSON.
 * @param code finds runtime/memory.js as its first argument
 * @param prelude shell text that puts the process where it is to be, and ends with a command that takes another, such as `exec`
 */
function printedBy(prelude: string, code: string): unknown {
  const node = [process.execPath, '--input-type=module', '-e', code, path.resolve(import.meta.dirname, '../memory.js')];
  const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', `${prelude} "$@"`, 'sh', ...node], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

const accountOf = (prelude: string): Account => printedBy(prelude, accountCode) as Account;

describe('a memory control group of this machine', function () {
  this.timeout(60_000);
  let group: MemoryGroup;
  const inner: MemoryGroup[] = [];

  beforeEach(function () {
    const made = MemoryGroup.make(limitBytes);
    if (typeof made === 'string') {
      console.log(`      skipped: ${made}`);
      this.skip();
    }
    group = made;
  });
  afterEach(async () => {
    for (const each of inner.splice(0)) await each.remove();
    await (group as MemoryGroup | undefined)?.remove();
  });

  function assertAccount({ groups, limitBytes: least, privateBytes, killsBefore, killsAfter }: Account): void {
    assert.equal(least, limitBytes);
    const limited = groups.find((each) => each.limitBytes === limitBytes);
    assert.ok(limited !== undefined, JSON.stringify(groups));
    // The kernel's own memory for the process is a part of what is used, the file is none.
    assert.ok(limited.usedBytes > privateBytes - 8 * megabyte && limited.usedBytes < privateBytes + 24 * megabyte, JSON.stringify({ ...limited, privateBytes }));
    assert.deepEqual([killsBefore, killsAfter], [0, 1]);
  }

  it('has a limit, uses what is private and no page cache, and counts whom the kernel kills', () => {
    assertAccount(accountOf(`${group.enterCommand}; exec`));
    assert.equal(group.oomKills, 1);
  });

  it('keeps the page cache of a process that has ended, and uses nothing for it', () => {
    const written = spawnSync('/bin/sh', ['-c', `${group.enterCommand}; file=$(mktemp); head -c ${64 * megabyte} /dev/zero >"$file"; sync "$file"; echo "$file"`], { encoding: 'utf8' });
    assert.equal(written.status, 0, written.stderr);
    assert.ok(group.chargedBytes > 60 * megabyte, `${group.chargedBytes} bytes charged`);
    assert.ok(group.usedBytes < 8 * megabyte, `${group.usedBytes} bytes used`);
    assert.equal(spawnSync('rm', [written.stdout.trim()]).status, 0);
  });

  for (const handsOn of [false, true]) {
    it(`holds for the processes of a group within it, ${handsOn ? 'to which the controller is handed on' : 'which in version 2 has no controller'}`, () => {
      const within = group.within('within', handsOn);
      inner.push(within);
      assertAccount(accountOf(`${within.enterCommand}; exec`));
    });
  }

  describe('version 2', () => {
    beforeEach(function () {
      if (group.version === 2) return;
      console.log('      skipped: the memory controller is version 1 (scripts/cgroup-v2 npm test)');
      this.skip();
    });

    it('slows processes down beyond a mark, which counts as a limit', () => {
      group.slowBeyond(limitBytes / 2);
      const code = 'console.log(new (await import(process.argv[1])).ControlGroups().limitBytes)';
      assert.equal(printedBy(`${group.enterCommand}; exec`, code), limitBytes / 2);
    });

    // As engines do it, in a name space of mounts that ends with the process.
    const containers = {
      'with a name space of groups': { unshare: 'unshare --mount --cgroup', mount: 'umount /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup' },
      'without one, its group mounted in the place of all': { unshare: 'unshare --mount', mount: 'mount --bind "$GROUP" /sys/fs/cgroup' },
    };
    for (const [title, { unshare, mount }] of Object.entries(containers)) {
      it(`is read in a container ${title}`, () => {
        const within = `${mount} && exec "$@"`;
        assertAccount(accountOf(`${group.enterCommand}; GROUP='${group.directory}' exec ${unshare} /bin/sh -c '${within}' sh`));
      });
    }
  });
});
