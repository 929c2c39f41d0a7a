// The processes that hang on one, as tests and benchmarks look for them.
import { strict as assert } from 'node:assert';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { alive, childrenOf, descendantsOf, processIds } from '../process-tree.ts';
import { eventually } from '../testing/eventually.ts';

describe('the tree of processes', () => {
  let child: ChildProcess;
  let pid: number;

  beforeEach(async () => {
    child = spawn('/bin/sh', ['-c', 'sleep 60 & echo; wait'], { stdio: ['ignore', 'pipe', 'ignore'] });
    pid = child.pid ?? 0;
    assert.ok(child.stdout !== null);
    await once(child.stdout, 'data');
  });
  afterEach(async () => {
    const below = descendantsOf(pid).map((entry) => entry.pid);
    // The shell may have ended by itself, with what it waits for: a child of ours can be killed all the same.
    child.kill('SIGKILL');
    for (const each of alive(below)) process.kill(each, 'SIGKILL');
    await eventually(() => alive([pid, ...below]).length === 0, 'all have ended');
  });

  it('has what a process started, and what that did', () => {
    assert.ok(childrenOf(process.pid).includes(pid));
    const below = descendantsOf(process.pid).map((entry) => entry.pid);
    const [grandchild = 0] = childrenOf(pid);
    assert.ok(below.indexOf(pid) >= 0 && below.indexOf(pid) < below.indexOf(grandchild));
    assert.ok(processIds().includes(grandchild));
  });

  it('has not what has ended', async () => {
    const [grandchild = 0] = childrenOf(pid);
    process.kill(grandchild, 'SIGKILL');
    await eventually(() => alive([grandchild, process.pid]).length === 1, 'it is gone');
  });
});
