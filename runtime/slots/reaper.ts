// Sees to it that no slot outlives the proxy, however the proxy ends: a slot that is stopped or inside native code
// cannot notice by itself. A shell waits on a pipe; when that closes, it kills the process groups it was told of, and
// removes the folder they worked in.
import { spawn, type ChildProcess } from 'node:child_process';

/** One line in: `+ PID` for a new group, `- PID` for one that is gone. At the end of input: kill what is left. */
const script = `
groups=" "
while read -r sign pid; do
  case $sign in
    +) groups="$groups$pid " ;;
    -) groups="\${groups%% $pid *} \${groups#* $pid }" ;;
  esac
done
for pid in $groups; do kill -KILL "-$pid"; done
rm -rf "$1"
`;

export class Reaper {
  private readonly shell: ChildProcess;

  /** @param workDir folder to remove in the end */
  constructor(workDir: string) {
    // Detached: a kill of the proxy's whole process group must not take the reaper first.
    this.shell = spawn('/bin/sh', ['-c', script, 'reaper', workDir], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, env: { PATH: '/usr/bin:/bin' } });
    this.shell.on('error', () => undefined);
    this.shell.stdin?.on('error', () => undefined);
    this.shell.unref();
  }

  watch(pid: number): void {
    this.shell.stdin?.write(`+ ${pid}\n`);
  }

  forget(pid: number): void {
    this.shell.stdin?.write(`- ${pid}\n`);
  }

  /** Ends the reaper, which then does its work. */
  close(): void {
    this.shell.stdin?.end();
  }
}
