/** What a program says on its standard output, kept in memory: nothing has to be read while it runs. */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { memoryFile } from '../../linux/process/memory-file.ts';

/** More than this nobody has to say. */
const MOST_BYTES = 4 * 1024 * 1024;

/**
 * Lets `work` have a descriptor that a program may write to.
 * @returns what work gives, and what was written until then
 * @throws SyscallError EMFILE, ENOMEM; what work throws
 */
export async function withOutput<T>(work: (fd: number) => Promise<T>): Promise<{ value: T; output: string }> {
  const fd = memoryFile('output');
  try {
    const value = await work(fd);
    const buffer = Buffer.alloc(Math.min(fstatSync(fd).size, MOST_BYTES));
    const length = readSync(fd, buffer, 0, buffer.length, 0);
    return { value, output: buffer.toString('utf8', 0, length) };
  } finally {
    closeSync(fd);
  }
}
