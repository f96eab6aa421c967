/**
 * What is placed in a snapshot, as it should be kept: the directories, their names, owners and modes. Only looks.
 */
import { type BigIntStats, readdirSync } from 'node:fs';
import type { Directory } from '../../../linux/files/directory.ts';
import type { ManifestFile } from '../../../manifest/manifest.ts';
import { type Owners, whyNeverLinked } from '../../place/linkable.ts';
import { directoryIdentity } from '../../record/identity.ts';
import type { Placement } from '../../record/placement.ts';
import type { RecordedDirectory } from '../../record/record.ts';
import { OUR_FILES, PYCACHE_NAME } from '../../store/layout.ts';

/** The directories below the top of a snapshot that lead to these files. */
function directoriesAbove(paths: Iterable<string>): string[] {
  const directories = new Set<string>();
  for (const path of paths) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1))
      directories.add(path.slice(0, end));
  }
  return [...directories].sort();
}

/** The identities to record of the directories below the top of a snapshot. */
export function placedDirectoriesOf(snapshot: Directory, paths: Iterable<string>): RecordedDirectory[] {
  return directoriesAbove(paths).map(path => ({ path, is: directoryIdentity(snapshot.at(path)) ?? '' }));
}

/** A directory of a snapshot, looked at before it was listed. */
export interface PlacedDirectory {
  readonly path: string;
  readonly stat: BigIntStats;
}

/**
 * The directories below the snapshot's top if they are as we make them and it holds the entries and these
 * links and nothing else; `__pycache__` is no matter.
 */
export function listPlaced(
  snapshot: Directory,
  entries: ReadonlyMap<string, unknown>,
  links: ReadonlySet<string>,
  user: bigint,
): PlacedDirectory[] | undefined {
  const before: PlacedDirectory[] = [];
  for (const path of directoriesAbove(entries.keys())) {
    const stat = snapshot.lstat(path);
    if (stat?.isDirectory() !== true || (stat.mode & 0o7777n) !== 0o755n || !isOwnedBy(stat, user))
      return undefined;
    before.push({ path, stat });
  }
  const known = new Set(before.map(({ path }) => path));
  for (const directory of ['', ...known]) {
    for (const entry of readdirSync(directory === '' ? snapshot.at() : snapshot.at(directory), {
      withFileTypes: true,
    })) {
      const path = directory === '' ? entry.name : `${directory}/${entry.name}`;
      const isOurs = directory === '' && OUR_FILES.has(entry.name);
      const isKnown = isOurs || entries.has(path) || known.has(path) || links.has(path);
      if (!isKnown && entry.name !== PYCACHE_NAME) return undefined;
    }
  }
  return before;
}

/**
 * Has the placed file the mode that we give, and is it only the user's or root's to change? A link has its source's: it
 * must be one that would be linked again.
 */
export function isWellKept(
  placed: BigIntStats,
  entry: Pick<ManifestFile, 'mode'>,
  placement: Placement,
  owners: Owners,
  user: bigint,
): boolean {
  if (placement === 'hardlink') return whyNeverLinked(placed, owners) === undefined;
  const mode = entry.mode === '100755' ? 0o755n : 0o644n;
  return (placed.mode & 0o7777n) === mode && isOwnedBy(placed, user);
}

function isOwnedBy({ uid }: BigIntStats, user: bigint): boolean {
  return uid === user || uid === 0n;
}
