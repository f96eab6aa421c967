/**
 * Held libraries on the way into a snapshot: the loader is asked while programs are placed, what it names is placed like
 * them, and beside each program's directory's programs a link leads there.
 */
import { symlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { HoldfastError, quote } from '../../errors.ts';
import { fileMode } from '../../manifest/entry.ts';
import { formatLibraries } from '../libraries/document.ts';
import { isStillSo } from '../libraries/evidence.ts';
import { type BrokenProgram, type Found, findLibraries } from '../libraries/find.ts';
import type { Owners } from '../place/linkable.ts';
import type { Method } from '../record/placement.ts';
import { isHeldLibrary, LIBRARIES_DIR } from '../store/layout.ts';
import type { Draft } from './draft.ts';
import { changed, type StagedFile } from './look-again.ts';
import { linkedDirectories, linkTarget, originOf } from './prove/held-placed.ts';
import type { Unsettled } from './source.ts';
import { type PlacedFiles, placeFiles } from './stage.ts';
import type { Terms } from './terms.ts';
import type { Work } from './work.ts';

/**
 * Asks the loader which libraries the programs need, without the store's lock, unless they are to be left to the system.
 * A program that cannot be loaded is for the gate to refuse: an upgrade may bring its library in a moment.
 */
export async function askLoader(work: Work): Promise<Unsettled | undefined> {
  const { listing, terms } = work;
  if (terms.libraries === 'leave') return undefined;
  work.unlock();
  const programs = listing.files.filter(({ stat }) => fileMode(stat) === '100755');
  const found = await findLibraries(programs, terms.libraryPath);
  const isForeign = ({ program }: BrokenProgram): boolean => listing.isForeign?.(program) === true;
  for (const isRefused of [true, false]) {
    const broken = found.broken.filter(program => isForeign(program) !== isRefused);
    if (broken.length === 0) continue;
    const { refuseBroken } = await import('../libraries/refusal.ts');
    const refusal = await refuseBroken(broken);
    if (isRefused && terms.gate) return { unsettled: refusal };
    work.warnings.push([refusal.message, ...refusal.details.map(inLine)].join('; '));
  }
  work.libraries = found;
  await work.lock();
  return undefined;
}

/** Places them, and makes the links that lead to them. @throws HoldfastError as placeFiles */
export async function placeLibraries(
  { directory, pins }: Draft,
  found: Found,
  method: Method,
  owners: Owners,
): Promise<PlacedFiles> {
  if (found.libraries.length > 0 && pins !== undefined) refusePath(directory.path);
  const placed = await placeFiles(directory, found.libraries, method, owners, pins);
  for (const path of linkedDirectories(found, pins !== undefined)) {
    directory.attempt('make the symbolic link', `${path}/${LIBRARIES_DIR}`, at =>
      symlinkSync(linkTarget(path), at),
    );
  }
  return placed;
}

/** The text of libraries.json. @param files those of the snapshot, libraries among them */
export function formatHeld(held: Found, files: readonly StagedFile[], pinned: boolean): string {
  return formatLibraries({
    directories: linkedDirectories(held, pinned),
    libraries: files
      .filter(({ entry }) => isHeldLibrary(entry.path))
      .map(({ entry: { path, size, sha256: digest }, source }) => ({
        name: basename(path),
        path: originOf({ path, source }),
        size,
        sha256: digest,
      })),
  });
}

/** Does the loader's answer still rest on what it rested on? @throws HoldfastError `BAD_SOURCE` (errno ESTALE) */
export function checkEvidence({ evidence, libraries: [first] }: Found, { libraryPath }: Terms): void {
  if (!isStillSo(evidence, libraryPath, true)) throw changed(first?.source ?? '/etc/ld.so.cache');
}

function refusePath(path: string): void {
  if (!/[:;$]/.test(path)) return;
  throw new HoldfastError(
    'PLACEMENT',
    `cannot hold libraries of pinned programs below ${quote(path)}: the loader would read its ':', ';' or '$' as more than a name`,
    {
      path,
      hint: ['--snapshot-dir=DIR names another store', '--libraries=leave takes the system’s libraries'],
    },
  );
}

/** A row of a table without its columns. */
function inLine(row: string): string {
  return row.trim().replace(/ {2,}/, ': ');
}
