/** `npm run release`: all files of a release, and twice the same bytes. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonSync } from 'fs-extra/esm';
import { expect, test } from 'vitest';
import { HOLDFAST } from '../helpers/holdfast.ts';
import { works } from '../helpers/running.ts';
import { tempDir } from '../helpers/stand-in.ts';

const checkout = join(HOLDFAST, '../..');
const { version } = readJsonSync(join(checkout, 'package.json'));

/** A clone of what is committed, with this checkout's dependencies: another place, other time stamps. */
function clone(): string {
  const dir = join(tempDir(), 'clone');
  execFileSync('git', ['clone', '--quiet', checkout, dir]);
  const copied = [join(checkout, 'node_modules'), join(dir, 'node_modules')];
  if (!works('cp', '-al', ...copied)) execFileSync('cp', ['-aT', ...copied]); // another file system, or files of others
  utimesSync(join(dir, 'README.md'), 1e9, 1e9);
  return dir;
}

const release = (dir: string, ...words: string[]) =>
  spawnSync(process.execPath, [join(dir, 'scripts/release.js'), ...words], { encoding: 'utf8' });

test('makes source, package, Debian package and SHA256SUMS, and twice the same bytes', {
  timeout: 300_000,
}, ctx => {
  if (!works('git', '-C', checkout, 'rev-parse', 'HEAD')) ctx.skip('this is no checkout of git');
  if (!works('dpkg-deb', '--version')) ctx.skip('dpkg-deb is not installed');
  const sums = [clone(), clone()].map(dir => {
    const { status, stderr } = release(dir);
    expect([status, stderr]).toEqual([0, '']);
    const out = join(dir, 'dist-release');
    execFileSync('sha256sum', ['--check', '--quiet', '--strict', 'SHA256SUMS'], { cwd: out });
    expect(readdirSync(out).map(name => name.replace(/_[a-z0-9]+\.deb$/, '_ARCH.deb'))).toEqual([
      'SHA256SUMS',
      `holdfast-${version}.tar.gz`,
      `holdfast-${version}.tgz`,
      `holdfast_${version}_ARCH.deb`,
    ]);
    const text = readFileSync(join(out, 'SHA256SUMS'), 'utf8');
    rmSync(dir, { recursive: true });
    return text;
  });
  expect(sums[1]).toBe(sums[0]);
});

test('without a commit to make it of it makes nothing, and says so', ctx => {
  if (!works('git', '-C', checkout, 'rev-parse', 'HEAD')) ctx.skip('this is no checkout of git');
  const dir = clone();
  rmSync(join(dir, '.git'), { recursive: true });
  expect(release(dir)).toMatchObject({
    status: 1,
    stdout: '',
    stderr: `release: ${dir} is no checkout of git: a release is made of a commit\n`,
  });
  expect(readdirSync(dir)).not.toContain('dist-release');
});
