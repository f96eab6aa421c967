/** Asks the record of the package manager that an installation comes from, where there is one. Only looks. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from '../../errors.ts';
import { dpkgState } from './dpkg.ts';
import { pacmanState } from './pacman.ts';
import { rpmState } from './rpm.ts';
import type { Installed, PackageState } from './state.ts';

/**
 * What the records say; undefined where none says anything of this installation. Those that tell only of an end are read
 * where an end is waited for: dpkg has a list for each package of the system, 8 ms with 700 of them (measured).
 */
export function packageState(installed: Installed): PackageState | undefined {
  for (const root of rootsAbove(installed.lightningd)) {
    const top = root === '/' ? '' : root;
    const states = [ask(`${top}/var/lib/pacman/local`, () => pacmanState(root, installed))];
    if (installed.isYoung) {
      states.push(
        ask(`${top}/var/lib/dpkg/status`, () => dpkgState(root, installed)),
        ...[`${top}/usr/lib/sysimage/rpm`, `${top}/var/lib/rpm`].map(database =>
          ask(`${database}/rpmdb.sqlite-wal`, () => rpmState(database, installed)),
        ),
      );
    }
    const found =
      states.find(state => state?.state === 'unfinished') ?? states.find(state => state !== undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The directories above a path, the nearest first: one of them may be the root of a system. */
function rootsAbove(path: string): string[] {
  const roots: string[] = [];
  for (let directory = dirname(path); roots.at(-1) !== '/'; directory = dirname(directory))
    roots.push(directory);
  return roots;
}

/** A record that cannot be read, or that changes while it is, says nothing: then time has to tell. */
function ask(record: string, state: () => PackageState | undefined): PackageState | undefined {
  if (!existsSync(record)) return undefined;
  try {
    return state();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EISDIR'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}
