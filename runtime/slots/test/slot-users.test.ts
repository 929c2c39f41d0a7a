import { strict as assert } from 'node:assert';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { AppError } from '../../../common/errors.ts';
import { chooseSlotUsers, idsOfContainer, SlotUsers } from '../slot-users.ts';

describe('the user ids of a container', () => {
  it('are given in turn, and come back as late as possible', () => {
    const users = new SlotUsers(5000);
    const first = users.take();
    assert.equal(first, 5000);
    users.giveBack(5000);
    const following = Array.from({ length: idsOfContainer - 1 }, () => users.take());
    assert.deepEqual([following[0], following.at(-1)], [5001, 5000 + idsOfContainer - 1]);
    assert.equal(users.take(), 5000);
  });

  it('are never given twice, and when there is none, that is an error', () => {
    const users = new SlotUsers(5000);
    const taken = new Set(Array.from({ length: idsOfContainer }, () => users.take()));
    assert.equal(taken.size, idsOfContainer);
    assert.throws(() => users.take(), (error) => error instanceof AppError && error.code === 'SLOT_USERS');
    users.giveBack(5003);
    assert.equal(users.take(), 5003);
  });

  it('go in front of the command, or into the system call where there is no launcher', () => {
    assert.deepEqual(new SlotUsers(5000, (uid) => ['/launcher', `--user=${uid}`]).launch(5001, 'node', ['x']), { command: '/launcher', args: ['--user=5001', 'node', 'x'] });
    assert.deepEqual(new SlotUsers(5000).launch(5001, 'node', ['x']), { command: 'node', args: ['x'], uid: 5001, gid: 5001 });
  });

  it('are none where slots share a user', () => {
    const users = chooseSlotUsers({ mode: 'shared', firstId: undefined, readable: [] });
    assert.deepEqual([users.areOwn, users.take(), users.launch(undefined, 'node', ['x'])], [false, undefined, { command: 'node', args: ['x'] }]);
  });

  describe('of root', () => {
    let folder: string;
    before(function () {
      if (process.platform === 'linux' && process.geteuid?.() === 0) return;
      process.stdout.write('    skipped: only root on Linux can give slots user ids of their own\n');
      this.skip();
    });
    beforeEach(() => {
      folder = mkdtempSync(path.join(os.tmpdir(), 'slot-users-'));
      chmodSync(folder, 0o755);
      mkdirSync(path.join(folder, 'inner'), { mode: 0o755 });
      writeFileSync(path.join(folder, 'inner/program'), 'x', { mode: 0o644 });
    });
    afterEach(() => {
      rmSync(folder, { recursive: true });
    });
    const choose = (mode: 'auto' | 'own'): SlotUsers => chooseSlotUsers({ mode, firstId: undefined, readable: [path.join(folder, 'inner/program')] });

    it('are its own, and the same for one proxy whenever it asks', () => {
      const [one, other] = [choose('own'), choose('own')];
      assert.ok(one.areOwn);
      assert.equal(one.take(), other.take());
    });

    for (const { title, lock } of [
      { title: 'a folder on the way lets nobody through', lock: () => chmodSync(folder, 0o700) },
      { title: 'the file itself cannot be read', lock: () => chmodSync(path.join(folder, 'inner/program'), 0o640) },
    ]) {
      it(`are not used where ${title}, and demanding them says why`, () => {
        lock();
        assert.equal(choose('auto').areOwn, false);
        assert.throws(() => choose('own'), /program is not readable by other users/);
      });
    }

    it('do not care for what is not there yet', () => {
      rmSync(path.join(folder, 'inner'), { recursive: true });
      assert.ok(choose('auto').areOwn);
    });
  });
});
