/**
 * Which test files begin first: the long ones, so that at the end no processor waits for one of them alone. vitest itself
 * goes by what it measured in the run before, and in a clone there was none: by size, which says little here.
 */
import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Those that take ten seconds or more, longest first; one that is not named is begun after them. */
const LONG = [
  'system/faults',
  'system/package-managers',
  'system/races',
  'system/dpkg',
  'system/on-upgrade-limits',
  'system/adopt',
  'system/full-disk',
  'system/on-upgrade-unseen',
  'system/on-upgrade',
  'system/boots',
  'system/on-upgrade-replace',
  'system/on-upgrade-faults',
  'system/archive',
  'system/kept',
  'system/no-trace',
  'system/wipe-races',
  'system/snapshot',
  'system/libraries',
  'system/verify',
  'system/file-systems',
  'system/damaged',
  'system/libraries-status',
  'system/half-way',
  'system/hostile',
  'system/deb',
  'model',
  'system/release',
  'system/gone',
  'system/run',
  'system/pin',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted
      .map((file, index) => ({ file, at: placeOf(file) ?? LONG.length + index }))
      .sort((one, other) => one.at - other.at)
      .map(({ file }) => file);
  }
}

function placeOf({ moduleId }: TestSpecification): number | undefined {
  const at = LONG.indexOf(relative(import.meta.dirname, moduleId).replace(/\.test\.ts$/, ''));
  return at === -1 ? undefined : at;
}
