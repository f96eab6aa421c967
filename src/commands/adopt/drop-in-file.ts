/** The drop-in on the disk: written by rename, removed with care. Never touches a file that adopt did not write. */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errnoOf, HoldfastError, quote, systemError, typed } from '../../errors.ts';
import type { Context } from '../context.ts';
import { judgeDropIn } from './drop-in.ts';
import { DROP_IN_NAME } from './unit.ts';

/** Where the drop-in of a unit is: below /etc/systemd/system, or the same of the user. */
export function dropInPath(
  isUser: boolean,
  name: string,
  { environment }: Pick<Context, 'environment'>,
): string {
  const config = environment.XDG_CONFIG_HOME ?? join(environment.HOME ?? '/', '.config');
  const directory = isUser ? join(config, 'systemd/user') : '/etc/systemd/system';
  return join(directory, `${name}.d`, DROP_IN_NAME);
}

/**
 * Makes the file by rename, so that systemd sees all of it or nothing.
 * @returns false where it is there already @throws HoldfastError `DIFFERS` where another one is there; `SYSTEM`
 */
export function writeDropIn(file: string, text: string): boolean {
  const before = readDropIn(file);
  if (before === text) return false;
  if (before !== undefined && judgeDropIn(before) !== 'ours') throw notOurs(file, judgeDropIn(before));
  const staging = `${file}.new`; // no name that systemd reads
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
    writeFileSync(staging, text, { mode: 0o644 });
    chmodSync(staging, 0o644); // whatever the umask
    renameSync(staging, file);
  } catch (error) {
    throw systemError('write', file, error, {
      hint: 'holdfast adopt --print shows it, for the place where it can be',
    });
  }
  return true;
}

/**
 * Removes the file, and its directory where nothing else is in it.
 * @returns false where there is none @throws HoldfastError `DIFFERS` where it is not as adopt wrote it; `SYSTEM`
 */
export function removeDropIn(file: string): boolean {
  const text = readDropIn(file);
  if (text === undefined) return false;
  const kind = judgeDropIn(text);
  if (kind !== 'ours') throw notOurs(file, kind);
  try {
    rmSync(file);
  } catch (error) {
    throw systemError('remove', file, error);
  }
  try {
    rmdirSync(dirname(file));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ENOTEMPTY' && errno !== 'EEXIST') throw systemError('remove', dirname(file), error); // others' drop-ins
  }
  return true;
}

function notOurs(file: string, kind: 'edited' | 'foreign' | 'ours'): HoldfastError {
  const what = kind === 'edited' ? 'was edited since holdfast wrote it' : 'was not written by holdfast';
  return new HoldfastError('DIFFERS', `${quote(file)} ${what}: it is left as it is`, {
    path: file,
    hint: `move it away, and then again: mv ${typed(file)} ${typed(`${file}.mine`)}`,
  });
}

/** The drop-in's text; undefined: there is none. @throws HoldfastError `SYSTEM` */
export function readDropIn(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw systemError('read', path, error);
  }
}
