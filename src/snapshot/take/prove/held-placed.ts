/**
 * Held libraries in a snapshot: libraries.json against what the loader found, the links that lead to them, and where each
 * came from. Only looks.
 */
import { readlinkSync } from 'node:fs';
import type { Directory } from '../../../linux/files/directory.ts';
import { fileMode } from '../../../manifest/entry.ts';
import type { ManifestFile } from '../../../manifest/manifest.ts';
import type { LibrariesDocument } from '../../libraries/document.ts';
import type { Found } from '../../libraries/find.ts';
import type { LibraryEvidence } from '../../record/record.ts';
import { isHeldLibrary, isStagingName, LIBRARIES_DIR } from '../../store/layout.ts';

/**
 * What a snapshot says that its libraries are, in the way of entries of a manifest; undefined where those are others than
 * were found, or come from elsewhere, or what leads to them is not as we make it.
 */
export function entriesOfLibraries(
  snapshot: Directory,
  found: Found,
  document: LibrariesDocument | undefined,
): ManifestFile[] | undefined {
  if (document?.libraries.length !== found.libraries.length) return undefined;
  const directories = [...linkedDirectories(found, false)].sort();
  if (document.directories.length !== directories.length) return undefined;
  if (!document.directories.every(directory => directories.includes(directory))) return undefined;
  if (!directories.every(directory => isLinked(snapshot, directory))) return undefined;
  const known = new Map(document.libraries.map(library => [library.name, library]));
  const entries = found.libraries.flatMap(file => {
    const library = known.get(file.name);
    if (library === undefined || library.path !== originOf(file)) return [];
    const { size, sha256 } = library;
    return [{ path: file.path, mode: fileMode(file.stat), size, sha256 }];
  });
  return entries.length === found.libraries.length ? entries : undefined;
}

/** The links of a snapshot that lead to its libraries, by their paths in it. */
export function linksOf(found: Found | undefined): ReadonlySet<string> {
  return new Set(
    found === undefined ? [] : linkedDirectories(found, false).map(path => `${path}/${LIBRARIES_DIR}`),
  );
}

/** What the link in a directory of the snapshot says. */
export function linkTarget(directory: string): string {
  return `${'../'.repeat(directory.split('/').length)}${LIBRARIES_DIR}`;
}

/** Where a file came from: a library out of an archive by its path in there, all else by where it is. */
export function originOf({ path, source }: { readonly path: string; readonly source: string }): string {
  return isHeldLibrary(path) ? (inArchive(source) ?? source) : source;
}

/** Pinned programs do not look beside themselves (pinned.ts): they get the path of the directory, and need no link. */
export function linkedDirectories({ directories }: Found, pinned: boolean): readonly string[] {
  return pinned ? [] : directories;
}

/** What is to be recorded of it: of what an archive was unpacked to nothing stays. */
export function lastingEvidence(evidence: LibraryEvidence): LibraryEvidence {
  const stays = ({ path }: { readonly path: string }) => inArchive(path) === undefined;
  return {
    ...evidence,
    links: evidence.links.filter(stays),
    directories: evidence.directories.filter(stays),
  };
}

/** The path below the top of a release archive of what lies where one was unpacked; undefined of all else. */
export function inArchive(path: string): string | undefined {
  const parts = path.split('/');
  const at = parts.findIndex(isStagingName);
  return at === -1 ? undefined : parts.slice(at + 1).join('/');
}

function isLinked(snapshot: Directory, directory: string): boolean {
  try {
    return readlinkSync(snapshot.at(`${directory}/${LIBRARIES_DIR}`)) === linkTarget(directory);
  } catch {
    return false; // ENOENT, EINVAL: gone, or no link any more
  }
}
