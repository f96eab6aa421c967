/** The one line that a launch leaves in the journal: what runs from now on, and how it came there. Only looks. */
import { statSync } from 'node:fs';
import { quote } from '../errors.ts';
import type { Directory } from '../linux/files/directory.ts';
import { ownersAbove, whyNeverLinked } from '../snapshot/place/linkable.ts';
import type { Placement } from '../snapshot/record/placement.ts';
import { isHeldLibrary } from '../snapshot/store/layout.ts';
import type { Taken } from '../snapshot/take/terms.ts';

const PLURALS: Readonly<Record<Placement, string>> = {
  hardlink: 'hard links',
  reflink: 'reflinks',
  copy: 'copies',
  pin: 'held open',
};

/** Words it, without the time that it took. */
export function launchLine({ record, reused, directory }: Taken, snapshot: string): string {
  const { files, archiveIs, lightningd, libraries } = record;
  const programs = files.filter(({ path }) => !isHeldLibrary(path));
  const counts = new Map<Placement, number>();
  for (const { placement } of programs) counts.set(placement, (counts.get(placement) ?? 0) + 1);
  const how = [...counts].map(([placement, count]) => `${count} ${PLURALS[placement]}`).join(', ');
  const isPlain = counts.has('copy') && archiveIs === undefined;
  const why = isPlain ? whyCopied(lightningd, directory) : undefined;
  const parts = [
    `${record.version} from ${quote(snapshot)}`,
    `root ${record.root}`,
    `${reused ? 'as it was' : 'new'}: ${how}${why === undefined ? '' : ` (${why})`}`,
    libraries === undefined
      ? 'libraries left to the system'
      : `${files.length - programs.length} libraries held`,
  ];
  return parts.join(', ');
}

/** The usual reasons; of a release archive, and where the source is gone, there is none to be told. */
function whyCopied(source: string, snapshot: Directory): string | undefined {
  try {
    const stat = statSync(source, { bigint: true });
    if (stat.dev !== snapshot.stat().dev) return `${source} is on another file system`;
    const why = whyNeverLinked(stat, ownersAbove(snapshot));
    return why === undefined ? undefined : `${source} is not linked: ${why}`;
  } catch {
    return undefined; // gone, or closed to us: the launch does not need it
  }
}
