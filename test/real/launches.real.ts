/** Launches in the middle of an upgrade by each kind of package manager: of one version, or refused. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ageDirectories } from '../../fixtures/stand-in/layout.js';
import { listFiles, UPGRADES } from '../../fixtures/stand-in/upgrade.js';
import { holdfast } from '../helpers/holdfast.ts';
import { install, NEW, scratch } from './installation.ts';
import { note } from './table.ts';

const POINTS = 12;

/** The root of an installation as it lies there. */
function rootOf(prefix: string): string {
  const { status, stdout, stderr } = holdfast(['root', '--json', prefix]);
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout).root;
}

for (const way of ['rename', 'rpm', 'install', 'unlink-first'] as const)
  test(`launches within an upgrade by ${way}`, ctx => {
    const dir = scratch();
    const old = install(join(dir, 'old')).prefix;
    const whole = [rootOf(old), rootOf(install(join(dir, 'new'), NEW).prefix)];
    const files = listFiles(NEW);
    const steps = [...UPGRADES[way](NEW, old, files)].length;
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
      const { status, stdout } = holdfast(words);
      if (status === 0)
        expect(whole, `after part ${point} of ${POINTS + 1}`).toContain(JSON.parse(stdout).root);
      else refused++;
      rmSync(here, { recursive: true });
    }
    note(ctx, { held: `of ${POINTS}: ${refused} refused, ${POINTS - refused} of one version` });
    expect(refused).toBeGreaterThan(0);
  });
