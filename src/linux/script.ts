/** Is a file a script, as execve(2) sees it? */
import { closeSync, constants, openSync, readSync } from 'node:fs';

/** Does the file begin with `#!`? One that cannot be read is none: whoever executes it will see. */
export function isScript(path: string): boolean {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const start = Buffer.alloc(2);
    return readSync(fd, start, 0, 2, 0) === 2 && start.toString('latin1') === '#!';
  } catch {
    return false; // see above
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
