// A memory control group of a test's own, with a real limit that the kernel enforces. Version 1 or 2, whichever this
// machine has; where the test may not make one, it says why. `INSTAINFER_TEST_CGROUP=2` demands one of that version.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { eventually } from '../../common/testing/eventually.ts';
import { locateMemoryGroups, type ControlGroupVersion } from '../core/control-group.ts';
import { ControlGroups } from '../memory.ts';

export class MemoryGroup {
  readonly directory: string;
  readonly version: ControlGroupVersion;

  private constructor(directory: string, version: ControlGroupVersion) {
    this.directory = directory;
    this.version = version;
  }

  /** @returns the group, or the reason why there can be none */
  static make(limitBytes: number): MemoryGroup | string {
    const made = MemoryGroup.attempt(limitBytes);
    const demanded = process.env['INSTAINFER_TEST_CGROUP'];
    if (demanded !== undefined && typeof made === 'string') throw new Error(made);
    if (demanded !== undefined && typeof made !== 'string' && demanded !== String(made.version)) {
      rmdirSync(made.directory);
      throw new Error(`the memory controller is version ${made.version}, and version ${demanded} is demanded`);
    }
    return made;
  }

  private static attempt(limitBytes: number): MemoryGroup | string {
    const own = locateMemoryGroups(readFileSync('/proc/self/cgroup', 'utf8'), readFileSync('/proc/self/mountinfo', 'utf8'));
    // In version 2 only the root group may have both processes and groups with controllers.
    const parent = own?.version === 1 ? own.directories[0] : own?.directories.at(-1);
    if (own === undefined || parent === undefined) return 'no memory control group is mounted';
    const group = new MemoryGroup(path.join(parent, `instainfer-test-${process.pid}-${Math.floor(performance.now())}`), own.version);
    try {
      if (own.version === 2) writeFileSync(path.join(parent, 'cgroup.subtree_control'), '+memory');
      mkdirSync(group.directory);
      group.limit(limitBytes);
      return group;
    } catch (error) {
      if (existsSync(group.directory)) rmdirSync(group.directory);
      return `no memory control group can be made here (${(error as Error).message})`;
    }
  }

  /** A group within it, without a limit; in version 2 also without a memory controller, unless it is handed on. */
  within(name: string, handsOn = false): MemoryGroup {
    if (handsOn && this.version === 2) writeFileSync(path.join(this.directory, 'cgroup.subtree_control'), '+memory');
    const group = new MemoryGroup(path.join(this.directory, name), this.version);
    mkdirSync(group.directory);
    return group;
  }

  private limit(limitBytes: number): void {
    this.write(this.version === 1 ? 'memory.limit_in_bytes' : 'memory.max', limitBytes);
    // Without swap, where the machine has some.
    const swap = this.version === 1 ? 'memory.memsw.limit_in_bytes' : 'memory.swap.max';
    if (existsSync(path.join(this.directory, swap))) this.write(swap, this.version === 1 ? limitBytes : 0);
  }

  /** Version 2: the mark beyond which the kernel slows its processes down. */
  slowBeyond(bytes: number): void {
    this.write('memory.high', bytes);
  }

  private write(file: string, value: number): void {
    writeFileSync(path.join(this.directory, file), String(value));
  }

  /** How often the kernel has killed in it. */
  get oomKills(): number {
    return new ControlGroups({ version: this.version, directories: [this.directory] }).oomKills;
  }

  get usedBytes(): number {
    return new ControlGroups({ version: this.version, directories: [this.directory] }).read()[0]?.usedBytes ?? 0;
  }

  /** All that is charged to it, page cache included. */
  get chargedBytes(): number {
    return Number(readFileSync(path.join(this.directory, this.version === 1 ? 'memory.usage_in_bytes' : 'memory.current'), 'utf8'));
  }

  /** Shell text that moves the shell itself, and so what it becomes, into the group. */
  get enterCommand(): string {
    return `echo $$ > '${this.directory}/cgroup.procs'`;
  }

  /** Resolves when it is gone; its processes must have been told to end. */
  async remove(): Promise<void> {
    await eventually(() => readFileSync(path.join(this.directory, 'cgroup.procs'), 'utf8') === '', 'the processes of the control group end');
    rmdirSync(this.directory);
  }
}
