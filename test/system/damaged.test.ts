/**
 * A snapshot's own files with any damage: no command crashes, hangs or says that all is well, and the next launch has a
 * snapshot that is what was installed. `npm run test:fuzz` tries a thousand kinds of damage and more.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toBytes, toJson } from '../helpers/damage.ts';
import { damageOf } from '../helpers/faults.ts';
import { expectSound, tried } from '../helpers/fuzz.ts';
import { holdfast, snapshotJson } from '../helpers/holdfast.ts';
import { ageDirectories, makeInstallation, tempDir } from '../helpers/stand-in.ts';

const FEW = process.env.HOLDFAST_FAULTS === 'all' ? 1000 : 25;

const OURS = ['.record.json', 'manifest.json', 'SHA256SUMS'] as const;

const damage = fc.oneof(
  fc.tuple(fc.constantFrom(...OURS), toBytes),
  fc.tuple(fc.constantFrom('.record.json', 'manifest.json'), toJson),
);

test('no damage to the files of a snapshot makes a command crash, or a launch believe it', () => {
  const dir = tempDir();
  const { lightningd, prefix } = makeInstallation(dir, 'v25.12');
  ageDirectories(prefix);
  const place = `--lightning-dir=${join(dir, 'lightning')}`;
  const words = ['--method=copy', lightningd, place];
  const { root } = snapshotJson(words);

  tried(FEW, damage, ([name, [what, apply]]) => {
    const { path } = snapshotJson(words);
    const file = join(path, name);
    const before = readFileSync(file);
    const after = apply(before);
    writeFileSync(file, after);
    const calls = {
      status: [place],
      verify: [place],
      export: [place, 'current', join(dir, 'exported.tar.gz')],
      prove: [place, join(path, 'bin/lightningd')],
      root: [path],
    };
    for (const [command, more] of Object.entries(calls)) {
      const called = holdfast([command, '--json', ...more]);
      expectSound(called, [0, 1, 2], `${command}, ${what} of ${name}`);
      expect(() => JSON.parse(called.stdout)).not.toThrow();
      // the record is ours alone: a verification goes by the manifest
      if (command === 'verify' && name !== '.record.json' && !after.equals(before))
        expect(called.status).not.toBe(0);
    }
    rmSync(join(dir, 'exported.tar.gz'), { force: true });
    const next = snapshotJson(words);
    expect(next.root).toBe(root);
    expect(damageOf(next.path)).toBe('');
    expect(holdfast(['verify', place]).status).toBe(0);
  });
}, 600_000); // two hundred commands, and a small machine may be busy

test.each([
  [
    'the root',
    /"root":"([0-9a-f]{64})"/,
    (root: string) => root.replace(/.$/, end => (end === '0' ? '1' : '0')),
  ],
  ['the version', /"version":"([^"]+)"/, () => 'v25.02'],
])('a record in which %s has changed is not believed', (_what, pattern, change) => {
  const dir = tempDir();
  const { lightningd, prefix } = makeInstallation(dir, 'v25.12');
  ageDirectories(prefix);
  const words = [lightningd, `--lightning-dir=${join(dir, 'lightning')}`];
  const { path, root, version } = snapshotJson(words);
  const file = join(path, '.record.json');
  const before = readFileSync(file, 'utf8');
  const after = before.replace(pattern, (whole, value) => whole.replace(value, change(value)));
  expect(after).not.toBe(before);
  writeFileSync(file, after);
  expect(snapshotJson(words)).toMatchObject({ root, version });
});
