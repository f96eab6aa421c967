/** Launches in the middle of an upgrade by each kind of package manager: of one version, or refused. */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readJsonSync } from 'fs-extra/esm';
import { expect, test } from 'vitest';
import { ageDirectories } from '../../fixtures/stand-in/layout.js';
import { listFiles, UPGRADES } from '../../fixtures/stand-in/upgrade.js';
import { holdfast } from '../helpers/holdfast.ts';
import { install, NEW, OLD, scratch } from './installation.ts';
import { note } from './table.ts';

const POINTS = 12;
const WAYS = ['rename', 'rpm', 'install', 'unlink-first'] as const;

/** The digest of each file of an installation, by its path. */
const digests = (prefix: string): ReadonlyMap<string, string> =>
  new Map(
    listFiles(prefix).map(path => {
      const hash = createHash('sha256').update(readFileSync(join(prefix, path)));
      return [path, hash.digest('hex')];
    }),
  );

const versions = [digests(OLD), digests(NEW)];

/** What is wrong with a snapshot that was taken: not of one version, or without something and silent about it. */
function wrongWith(snapshot: string, said: string): string[] {
  const { files } = readJsonSync(join(snapshot, 'manifest.json'));
  const taken = new Map<string, string>(
    files.map(({ path, sha256 }: { path: string; sha256: string }) => [path, sha256]),
  );
  const whole = versions.find(version => [...taken].every(([path, digest]) => version.get(path) === digest));
  if (whole === undefined) return ['it is mixed'];
  const missing = [...whole.keys()].filter(path => !taken.has(path));
  // a plugin that is missing stops no lightningd, and so no launch; anything else would
  return missing.filter(path => !path.includes('/plugins/') || !said.includes(basename(path)));
}

for (const way of WAYS)
  test(`launches within an upgrade by ${way}`, ctx => {
    const dir = scratch();
    const files = listFiles(NEW);
    const steps = [...UPGRADES[way](NEW, install(join(dir, 'counted')).prefix, files)].length;
    let refused = 0;
    for (let point = 1; point <= POINTS; point++) {
      const here = join(dir, `${point}`);
      const installed = install(here);
      const going = UPGRADES[way](NEW, installed.prefix, files);
      for (let step = 0; step < (point * steps) / (POINTS + 1); step++) going.next();
      ageDirectories(installed.prefix); // what it is shall give it away, not its youth
      const words = [
        'snapshot',
        '--json',
        '--settle=0',
        installed.lightningd,
        `--lightning-dir=${here}/node`,
      ];
      const { status, stdout, stderr } = holdfast(words);
      const where = `after part ${point} of ${POINTS + 1}`;
      if (status === 0) expect(wrongWith(JSON.parse(stdout).path, stderr), where).toEqual([]);
      else refused++;
      rmSync(here, { recursive: true });
    }
    note(ctx, { held: `of ${POINTS}: ${refused} refused, ${POINTS - refused} of one version` });
    expect(refused).toBeGreaterThan(0);
  });
