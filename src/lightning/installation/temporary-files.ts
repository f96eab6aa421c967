/**
 * A package manager's temporary files in an installation: traces of an upgrade while they are young, left-overs of one
 * that was killed when nothing of theirs has moved for long (rpm's next upgrade does not remove them). Only looks.
 */
import { lstatSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { errnoOf, quote, systemError, typed } from '../../errors.ts';
import type { Contents, TemporaryFile } from './contents.ts';
import { standsFor } from './temporary-names.ts';
import type { Look } from './trace.ts';

/** Package managers write their files in seconds, and rename them in one go. */
const STALE_NS = 600_000_000_000n;

/** @param now ns since the epoch, as file systems stamp */
export function lookForTemporaries(contents: Contents, programs: readonly string[], now: bigint): Look {
  const mtimes = new Map(contents.directories.map(({ path, stat }) => [path, stat.mtimeNs]));
  const beside = besidePrograms(contents, programs);
  const found = [
    ...contents.temporaries,
    ...beside.filter(({ path }) => !contents.temporaries.some(file => file.path === path)),
  ];
  const isStale = ({ path, stat }: TemporaryFile): boolean =>
    now - stat.ctimeNs >= STALE_NS ||
    // its ctime moves with every link, so that of a copied tree is new: then what made it has left the directory alone
    (now - stat.mtimeNs >= STALE_NS && now - (mtimes.get(dirname(path)) ?? now) >= STALE_NS);
  return {
    traces: found
      .filter(file => !isStale(file))
      .map(({ path }) => ({
        path,
        reason: `${quote(path)} is a package manager's temporary file`,
        passesInMs: undefined,
      })),
    warnings: found
      .filter(isStale)
      .map(
        ({ path }) =>
          `${quote(path)} is left over from an upgrade that was broken off, and is not taken: rm -- ${typed(path)}`,
      ),
  };
}

/** bin holds much that is not ours: only what stands for one of the installation's programs. */
function besidePrograms({ files, directories }: Contents, programs: readonly string[]): TemporaryFile[] {
  const ours = programs.map(path => basename(path));
  const bins = new Set(
    files.filter(({ path }) => programs.includes(path)).map(({ source }) => dirname(source)),
  );
  return directories
    .filter(({ path }) => bins.has(path))
    .flatMap(({ path }) => {
      const names = namesIn(path);
      const beside = new Set(names);
      return names
        .filter(name => ours.includes(standsFor(name, beside) ?? ''))
        .flatMap(name => lookAt(`${path}/${name}`));
    });
}

function lookAt(path: string): TemporaryFile[] {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? [] : [{ path, stat }];
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []; // it went since it was listed: the build will notice
    throw systemError('list', path, error);
  }
}
