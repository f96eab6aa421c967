/**
 * What a node that has ended leaves running: subdaemons and plugins, until they see that their standard input has ended.
 * A connectd that is slow to see it still has the node's port; the next lightningd would migrate the database, not get the
 * port and end, and the one before it would refuse that database. systemd ends all that is left before it starts anew.
 */
import { readlinkSync } from 'node:fs';
import { call } from '../../linux/libc.ts';
import { hasEnded, listProcesses, type Process } from '../../linux/proc/processes.ts';
import { sendSignal } from '../../linux/process/spawn.ts';
import { signalNumber } from '../../linux/process/state.ts';
import { monotonicMs, sleep } from '../../linux/time.ts';

/** prctl(2) */
const PR_SET_CHILD_SUBREAPER = 36;
/** How long they may take to end by themselves, and to be gone after SIGKILL; how often to look, ms. */
const END_MS = 5_000;
const GONE_MS = 500;
const LOOK_MS = 50;

/** From now on whatever is left without a parent among what we have started is our child. @throws SyscallError */
export function adoptOrphans(): void {
  const prctl = 'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)';
  call(prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/**
 * Waits until what the node of this snapshot has left behind has ended, and ends what does not. An operator's own
 * programs are not waited for: one that a plugin has sent to the background may live as long as it likes.
 * @param isOurs has this been started by us, and not by a node?
 * @throws HoldfastError where there is no /proc
 */
export async function endLeftBehind(snapshot: string, isOurs: (pid: number) => boolean): Promise<void> {
  const self = Number(readlinkSync('/proc/self')); // as this /proc numbers it
  const isLeft = ({ pid, ppid, exe }: Process): boolean =>
    ppid === self && !isOurs(pid) && exe.kind === 'file' && exe.path.startsWith(`${snapshot}/`);
  let left = listProcesses().processes.filter(isLeft);
  const waitFor = async (ms: number): Promise<void> => {
    const deadline = monotonicMs() + ms;
    while (left.length > 0 && monotonicMs() < deadline) {
      await sleep(LOOK_MS);
      left = left.filter(process => !hasEnded(process));
    }
  };
  await waitFor(END_MS);
  for (const { pid } of left) sendSignal(pid, signalNumber('SIGKILL'));
  await waitFor(GONE_MS);
}
