/**
 * A snapshot's own files with any damage: no command crashes, hangs or says that all is well, and the next launch has a
 * snapshot that is what was installed. `npm run test:faults` (HOLDFAST_FAULTS=all) tries a thousand kinds of damage.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { damageOf } from '../helpers/faults.ts';
import { holdfast, snapshotJson } from '../helpers/holdfast.ts';
import { ageDirectories, makeInstallation, tempDir } from '../helpers/stand-in.ts';

const CASES = process.env.HOLDFAST_FAULTS === 'all' ? 1000 : 25;

const OURS = ['.record.json', 'manifest.json', 'SHA256SUMS'] as const;

/** What somebody may have made of a file's bytes; `at` and `length` are parts of its size. */
type Damage = (bytes: Buffer) => Buffer;

const part = fc.double({ min: 0, max: 1, noNaN: true });
const at = (bytes: Buffer, where: number): number => Math.floor(where * (bytes.length - 1));

const flipped = fc.tuple(part, fc.integer({ min: 1, max: 255 })).map(([where, bits]): [string, Damage] => [
  `byte at ${where} changed by ${bits}`,
  bytes => {
    const changed = Buffer.from(bytes);
    changed[at(bytes, where)]! ^= bits;
    return changed;
  },
]);

const cut = fc
  .tuple(part, part)
  .map(([from, length]): [string, Damage] => [
    `${length} of it cut out at ${from}`,
    bytes =>
      Buffer.concat([
        bytes.subarray(0, at(bytes, from)),
        bytes.subarray(at(bytes, from) + at(bytes, length) + 1),
      ]),
  ]);

const inserted = fc
  .tuple(part, fc.uint8Array({ minLength: 1, maxLength: 64 }))
  .map(([where, more]): [string, Damage] => [
    `[${more}] put in at ${where}`,
    bytes => Buffer.concat([bytes.subarray(0, at(bytes, where)), more, bytes.subarray(at(bytes, where))]),
  ]);

const ODD = [
  null,
  true,
  -1,
  1e300,
  '',
  '/',
  '../../outside',
  'bin/lightningd',
  'a\0b',
  'é\ud800',
  'x'.repeat(5000),
  [],
  {},
  [null],
];

/** One value of a JSON file is another one: what a byte alone seldom makes of it. */
const replaced = fc.tuple(part, fc.constantFrom(...ODD)).map(([which, value]): [string, Damage] => [
  `value ${which} is ${JSON.stringify(value).slice(0, 40)}`,
  bytes => {
    const whole: unknown = JSON.parse(bytes.toString());
    const places: [Record<string, unknown>, string][] = [];
    const walk = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return;
      for (const [key, below] of Object.entries(node)) {
        places.push([node as Record<string, unknown>, key]);
        walk(below);
      }
    };
    walk(whole);
    const [node, key] = places[Math.floor(which * (places.length - 1))]!;
    node[key] = value;
    return Buffer.from(JSON.stringify(whole));
  },
]);

const damage = fc.oneof(
  fc.tuple(fc.constantFrom(...OURS), fc.oneof(flipped, cut, inserted)),
  fc.tuple(fc.constantFrom('.record.json', 'manifest.json'), replaced),
);

test('no damage to the files of a snapshot makes a command crash, or a launch believe it', () => {
  const dir = tempDir();
  const { lightningd, prefix } = makeInstallation(dir, 'v25.12');
  ageDirectories(prefix);
  const place = `--lightning-dir=${join(dir, 'lightning')}`;
  const words = ['--method=copy', lightningd, place];
  const { root } = snapshotJson(words);

  fc.assert(
    fc.property(damage, ([name, [what, apply]]) => {
      const file = join(snapshotJson(words).path, name);
      const before = readFileSync(file);
      const after = apply(before);
      writeFileSync(file, after);
      for (const command of ['status', 'verify']) {
        const { status, stdout, stderr } = holdfast([command, '--json', place]);
        expect([0, 1, 2], `${command}, ${what}: ${stderr}`).toContain(status);
        expect(stderr).not.toMatch(/^\s+at |defect of holdfast/m);
        expect(() => JSON.parse(stdout)).not.toThrow();
        // the record is ours alone: a verification goes by the manifest
        if (command === 'verify' && name !== '.record.json' && !after.equals(before))
          expect(status).not.toBe(0);
      }
      const next = snapshotJson(words);
      expect(next.root).toBe(root);
      expect(damageOf(next.path)).toBe('');
      expect(holdfast(['verify', place]).status).toBe(0);
    }),
    { numRuns: CASES },
  );
});
