/** A file that cannot be hashed has an error in its place; all others have their digests. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { HoldfastError } from '../../../src/errors.ts';
import { Directory } from '../../../src/linux/files/directory.ts';
import { hashEach } from '../../../src/snapshot/hash/hash-each.ts';
import { tempDir } from '../../helpers/stand-in.ts';

/** Files a, b, c, listed, and then harmed: as if somebody had swapped one between our steps. */
async function hashAfter(harm: (dir: string) => void) {
  const dir = tempDir();
  for (const name of ['a', 'b', 'c']) writeFileSync(join(dir, name), `content of ${name}`);
  const targets = ['a', 'b', 'c'].map(path => ({
    path,
    stat: lstatSync(join(dir, path), { bigint: true }),
  }));
  harm(dir);
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const top = Directory.open(dir);
  const before = descriptors();
  const results = await hashEach(top, targets, () => undefined);
  expect(descriptors()).toBe(before);
  top.close();
  return results;
}

const digest = (name: string) => createHash('sha256').update(`content of ${name}`).digest('hex');

it.for<readonly [string, (dir: string) => void, RegExp]>([
  [
    'a symbolic link to its own content',
    dir => {
      renameSync(join(dir, 'b'), join(dir, 'moved'));
      symlinkSync('moved', join(dir, 'b'));
    },
    /ELOOP/,
  ],
  [
    'a FIFO',
    dir => {
      rmSync(join(dir, 'b'));
      execFileSync('mkfifo', [join(dir, 'b')]);
    },
    /was replaced while it was verified/,
  ],
  [
    'another file with the same content',
    dir => {
      writeFileSync(join(dir, 'other'), 'content of b');
      renameSync(join(dir, 'other'), join(dir, 'b'));
    },
    /was replaced while it was verified/,
  ],
  ['nothing', dir => rmSync(join(dir, 'b')), /no such file or directory/],
])('a file swapped for %s after it was listed is an error, and hides no other', async ([, harm, message]) => {
  const results = await hashAfter(harm);
  expect(results.get('a')).toEqual({ sha256: digest('a'), size: 12 });
  expect(results.get('c')).toEqual({ sha256: digest('c'), size: 12 });
  const error = results.get('b');
  expect(error).toBeInstanceOf(HoldfastError);
  expect((error as HoldfastError).message).toMatch(message);
});

it('a read that fails is the error of its own file, found by halves', async () => {
  const top = Directory.open(`/proc/${process.pid}`);
  // /proc/self/mem is a regular file whose first page cannot be read: EIO
  const targets = ['comm', 'mem', 'cmdline', 'limits'].map(path => ({
    path,
    stat: lstatSync(`/proc/${process.pid}/${path}`, { bigint: true }),
  }));
  const results = await hashEach(top, targets, () => undefined);
  top.close();
  expect(results.get('mem')).toBeInstanceOf(HoldfastError);
  expect((results.get('mem') as HoldfastError).message).toContain('EIO');
  for (const path of ['comm', 'cmdline', 'limits']) {
    expect(results.get(path)).toMatchObject({ sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
  }
});
