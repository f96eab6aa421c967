/**
 * The version of an installation by its images alone, for where its programs may not be executed. A subdaemon holds its
 * own version and no other, as a C string; lightningd holds the same one, or they are of two installations.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { basename } from 'node:path';
import { codedError, quote } from '../../errors.ts';
import { chunksOf, loadedRanges } from '../../linux/elf.ts';
import type { SourceFile } from './contents.ts';
import { SUBDAEMONS } from './subdaemons.ts';

/** Longer is no version. */
const LONGEST = 80;

/** With a NUL before it and behind it. */
const VERSIONS = new RegExp(`(?<=\\0)v\\d\\d\\.\\d\\d[0-9A-Za-z.+~_-]{0,${LONGEST - 6}}(?=\\0)`, 'g');

/**
 * The version, where the images tell.
 * @param lightningd its path among the files
 * @returns undefined where they do not: scripts, names of versions that no release has
 * @throws HoldfastError `UNREADABLE`
 */
export function unaskedVersion(lightningd: string, files: readonly SourceFile[]): string | undefined {
  const sourceOf = (isWanted: (path: string) => boolean) => files.find(({ path }) => isWanted(path))?.source;
  const subdaemon = sourceOf(path => SUBDAEMONS.includes(basename(path)));
  const program = sourceOf(path => path === lightningd);
  if (subdaemon === undefined || program === undefined) return undefined;
  const [version, ...others] = versionsIn(subdaemon);
  if (version === undefined || others.length > 0) return undefined;
  return versionsIn(program).has(version) ? version : undefined;
}

/** The versions among the constants of an image. */
function versionsIn(path: string): Set<string> {
  const found = new Set<string>();
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK); // it may be a FIFO by now
    if (!fstatSync(fd).isFile()) return found;
    const [constantsOfIt = []] = loadedRanges(fd);
    for (const chunk of chunksOf(fd, constantsOfIt, LONGEST + 2)) {
      for (const [version] of chunk.toString('latin1').matchAll(VERSIONS)) found.add(version);
    }
    return found;
  } catch (error) {
    throw codedError('UNREADABLE', `cannot read ${quote(path)}`, path, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
