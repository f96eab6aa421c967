/**
 * Which of two versions of Core Lightning is the newer one. A release is `vYY.MM` or `vYY.MM.P`, a candidate
 * `vYY.MMrcN`, a build between releases what `git describe` says: `vYY.MM-N-gHASH`, N commits after that tag.
 * Pure.
 */

/** `unknown`: the two say nothing of each other, as a bare commit and a release. */
export type VersionOrder = 'older' | 'same' | 'newer' | 'unknown';

interface Version {
  /** year, month, point release, candidate (a release comes after all of its candidates) */
  readonly release: readonly number[];
  /** of a build between releases: how many commits after the tag */
  readonly commits: number;
  /** what else tells builds of one release apart: the commit, `-modded`, a packager's own suffix */
  readonly rest: string;
}

/** How `version` stands to `other`: `newer`, `older`, ... @param version as `lightningd --version` says it */
export function orderOf(version: string, other: string): VersionOrder {
  if (version === other) return 'same';
  const [mine, theirs] = [parse(version), parse(other)];
  if (mine === undefined || theirs === undefined) return 'unknown';
  // a build between releases is of the branch of development, which a point release or the next candidate is not
  const differs = mine.release.findIndex((number, index) => number !== theirs.release[index]);
  const isBetween = mine.commits > 0 || theirs.commits > 0;
  if (differs >= 2 && isBetween) return 'unknown';
  if (differs >= 0) return mine.release[differs]! > theirs.release[differs]! ? 'newer' : 'older'; // both have four
  if (mine.commits !== theirs.commits) return mine.commits > theirs.commits ? 'newer' : 'older';
  return mine.rest === theirs.rest ? 'same' : 'unknown';
}

function parse(version: string): Version | undefined {
  const [whole, year, month, point, candidate, commits, rest] =
    /^v?(\d{1,4})\.(\d{1,2})(?:\.(\d{1,3}))?(?:-?rc(\d{1,3}))?(?:-(\d{1,6})(?=-g[0-9a-f]))?(-.*)?$/.exec(
      version,
    ) ?? [];
  if (whole === undefined) return undefined;
  return {
    release: [
      Number(year),
      Number(month),
      Number(point ?? 0),
      candidate === undefined ? Number.POSITIVE_INFINITY : Number(candidate),
    ],
    commits: Number(commits ?? 0),
    rest: rest ?? '',
  };
}
