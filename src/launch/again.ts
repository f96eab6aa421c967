/**
 * Starts holdfast again as a child, as if the caller himself had: with the notes that bin/holdfast took for us, so that
 * what the child becomes has the caller's environment, descriptors, signals and limits, and not ours. The same Node
 * and the same options of it, whatever was installed meanwhile.
 */
import { closeSync, read, readFileSync } from 'node:fs';
import { splitStrings } from '../linux/proc/read-proc.ts';
import { makePipe, spawn } from '../linux/process/spawn.ts';
import type { Inherited } from './inherited.ts';

/** A child that is holdfast, and may become something else. */
export interface Again {
  readonly pid: number;
  /** settles when it has executed another program in its place, or has ended */
  readonly became: Promise<void>;
}

/**
 * Starts `holdfast WORD…` in our process group, with our 0, 1 and 2 and all that the caller passed.
 * @param output a descriptor for its standard output, and it then gets no standard error
 * @throws SyscallError
 */
export function startAgain(words: readonly Buffer[], inherited: Inherited, output?: number): Again {
  const [readEnd, writeEnd] = makePipe();
  let pid: number | undefined;
  try {
    const stdio = output === undefined ? ([0, 1, 2] as const) : (['null', output, 'null'] as const);
    // what its Node finds open below the first gap it makes close-on-exec (uv_disable_stdio_inheritance()), and the launch
    // puts back only what the notes name: this end closes when the child becomes another program
    let mark = 3;
    while (inherited.descriptors.includes(mark)) mark++;
    pid = spawn({
      path: '/proc/self/exe',
      argv: [...ourselves(), ...words],
      environment: splitStrings(readFileSync('/proc/self/environ')), // bin/holdfast's: the notes have the caller's
      descriptors: [
        ...stdio.map((ours, its) => [its, ours] as const),
        ...inherited.descriptors.map(fd => [fd, fd] as const),
        [mark, writeEnd],
      ],
      ownGroup: false,
    });
    return { pid, became: endOfFile(readEnd) };
  } finally {
    closeSync(writeEnd);
    if (pid === undefined) closeSync(readEnd);
  }
}

/** Our own command line up to the words: Node, its options, cli.cjs and the notes, which are not of the child's PID. */
function ourselves(): Buffer[] {
  const all = splitStrings(readFileSync('/proc/self/cmdline')).map(word => word.toString('latin1'));
  const notes = all.slice(0, all.indexOf('=') + 1);
  return notes.map(word => Buffer.from(/^pid=\d*$/.test(word) ? 'pid=' : word, 'latin1'));
}

/** Waits for the end of a pipe, on one of libuv's threads, and closes it. */
function endOfFile(fd: number): Promise<void> {
  return new Promise(resolve =>
    read(fd, Buffer.alloc(1), 0, 1, null, () => {
      closeSync(fd);
      resolve();
    }),
  );
}
