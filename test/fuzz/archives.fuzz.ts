/** Release archives with any damage: refused, or taken whole; nothing is written but below the store. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { removeSync } from 'fs-extra/esm';
import { expect, test } from 'vitest';
import { toBytes } from '../helpers/damage.ts';
import { damageOf } from '../helpers/faults.ts';
import { expectSound, tried } from '../helpers/fuzz.ts';
import { fingerprint, holdfast } from '../helpers/holdfast.ts';
import { makeInstallation, tempDir } from '../helpers/stand-in.ts';

/** How a release may be packed: tar's own option, the name's end. */
const PACKINGS = { '.tar': [], '.tar.gz': ['-z'], '.tar.xz': ['-J'] } as const;

for (const [ending, options] of Object.entries(PACKINGS))
  test(`no damage to a release archive (${ending}) makes a launch take what is not in it`, () => {
    const dir = tempDir();
    makeInstallation(join(dir, 'from'), 'v25.12');
    const sound = join(dir, `sound${ending}`);
    const packed = spawnSync('tar', [...options, '-cf', sound, '-C', join(dir, 'from'), './usr']);
    expect(packed.status).toBe(0);
    const bytes = readFileSync(sound);
    const outside = join(dir, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'precious'), 'theirs');
    const before = fingerprint(outside);
    const damaged = join(dir, `damaged${ending}`);

    tried(10, fc.array(toBytes, { minLength: 1, maxLength: 3 }), damages => {
      let left: Buffer = bytes;
      for (const [, apply] of damages) if (left.length > 1) left = apply(left);
      writeFileSync(damaged, left);
      const what = damages.map(([name]) => name).join('; ');
      const root = holdfast(['root', '--json', damaged], { cwd: outside });
      expectSound(root, [0, 1, 2], what);
      const place = join(dir, 'node');
      const words = [
        'snapshot',
        '--json',
        '--settle=0',
        `--from=${damaged}`,
        '--',
        `--lightning-dir=${place}`,
      ];
      const taken = holdfast(words, { cwd: outside });
      expectSound(taken, [0, 1, 2], what);
      if (taken.status === 0) {
        const { path, root: said } = JSON.parse(taken.stdout);
        expect(damageOf(path), what).toBe('');
        expect(said, what).toBe(JSON.parse(root.stdout).root);
      }
      expect(fingerprint(outside), what).toEqual(before);
      removeSync(place);
    });
  });
