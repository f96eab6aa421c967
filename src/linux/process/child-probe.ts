/**
 * May the children of this process look into its entry in /proc, and execute what its descriptors lead to? Tried with a
 * real child: a security module, a sandbox or a process that cannot be dumped (ptrace(2), PTRACE_MODE_READ_FSCREDS)
 * refuse it to a child, and none of them to the process itself. Leaves nothing behind.
 */
import { closeSync, openSync } from 'node:fs';
import { systemError } from '../../errors.ts';
import { O_PATH } from '../files/directory.ts';
import { runBriefly } from './brief-program.ts';

/**
 * A child executes our own program, Node, through `/proc/<pid>/fd/N`; it takes 4 ms to say its version (measured).
 * @param pid ours, as this /proc numbers it
 * @returns undefined where it could, else the errno's name
 */
export async function whyChildrenCannotLookIn(pid: number): Promise<string | undefined> {
  let fd: number;
  try {
    fd = openSync('/proc/self/exe', O_PATH);
  } catch (error) {
    throw systemError('open', '/proc/self/exe', error);
  }
  try {
    // only whether it was executed counts: a Node that does not find its libraries here has been
    const limits = { ms: 5_000, bytes: 4096 };
    const { end, errno } = await runBriefly(`/proc/${pid}/fd/${fd}`, ['--version'], [], limits);
    return end === 'not executed' ? (errno ?? 'no errno') : undefined;
  } finally {
    closeSync(fd);
  }
}
