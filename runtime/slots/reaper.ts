// Sees to it that no slot outlives the proxy, however the proxy ends: a slot that is stopped or inside native code
// cannot notice by itself. A shell waits on a pipe; when that closes, it kills the process groups and the users' processes
// it was told of, and removes the folder they worked in and what the users have left elsewhere.
import { spawn, type ChildProcess } from 'node:child_process';

/**
 * One line in: `+ PID UID` for a new slot, `- PID` for one that is gone; UID is `-` where slots share the proxy's user. At
 * the end of input: what is left is killed. Shell alone as far as possible, as there may be no room for another process.
 */
const script = `
slots=" "
while read -r sign pid uid; do
  case $sign in
    +) slots="$slots$pid:$uid " ;;
    -) slots="\${slots%% $pid:*} \${slots#* $pid:* }" ;;
  esac
done
uids=" "
for slot in $slots; do
  kill -KILL "-\${slot%%:*}"
  case $slot in *:-) ;; *) uids="$uids\${slot#*:} " ;; esac
done
signal_users() {
  found=no
  for process in /proc/[0-9]*; do
    state=
    while read -r key value rest; do
      case $key in
        State:) state=$value ;;
        Uid:)
          case "$uids" in *" $value "*)
            case $state in Z|X) ;; *) found=yes; kill "-$1" "\${process#/proc/}" ;; esac ;;
          esac
          break ;;
      esac
    done < "$process/status"
  done
}
if [ "$uids" != " " ]; then
  # One call for everything of a user, which no process outruns by starting others.
  for uid in $uids; do setpriv --reuid="$uid" --regid="$uid" --clear-groups /bin/sh -c 'kill -KILL -1'; done
  found=yes
  round=0
  while [ $found = yes ] && [ $round -lt 20 ]; do
    [ $((round % 2)) = 0 ] && signal_users STOP
    signal_users KILL
    round=$((round + 1))
  done
  for uid in $uids; do find /tmp /var/tmp /dev/shm -xdev -user "$uid" -delete; done
fi
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

  /** @param uid the slot's own user, if it has one */
  watch(pid: number, uid: number | undefined): void {
    this.shell.stdin?.write(`+ ${pid} ${uid ?? '-'}\n`);
  }

  forget(pid: number): void {
    this.shell.stdin?.write(`- ${pid}\n`);
  }

  /** Ends the reaper, which then does its work. */
  close(): void {
    this.shell.stdin?.end();
  }
}
