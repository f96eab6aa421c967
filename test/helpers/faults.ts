/** What tests of faults and races have in common: what is tried, and what is looked at afterwards. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonSync } from 'fs-extra/esm';
import { listFiles } from './stand-in.ts';

const all = process.env.HOLDFAST_FAULTS === 'all';

/** Inode, mode, mtime and content of every file at or below a path. */
export function digestOf(top: string): string {
  const hash = createHash('sha256');
  for (const file of lstatSync(top).isDirectory() ? listFiles(top) : ['']) {
    const path = join(top, file);
    const { ino, mode, mtimeMs } = lstatSync(path);
    hash.update(JSON.stringify([file, ino, mode, mtimeMs])).update(readFileSync(path));
  }
  return hash.digest('hex');
}

/**
 * Whether a snapshot is what its SHA256SUMS says, as sha256sum has it, and its libraries what libraries.json says: nothing
 * but the empty string is good.
 */
export function damageOf(snapshot: string): string {
  return `${programDamage(snapshot)}${libraryDamage(snapshot)}`;
}

function libraryDamage(snapshot: string): string {
  const list = join(snapshot, 'libraries.json');
  if (!existsSync(list)) return '';
  const { libraries } = readJsonSync(list);
  return libraries
    .filter(({ name, sha256 }: { name: string; sha256: string }) => {
      const content = readFileSync(join(snapshot, '.libraries', name));
      return createHash('sha256').update(content).digest('hex') !== sha256;
    })
    .map(({ name }: { name: string }) => `${name}: damaged\n`)
    .join('');
}

function programDamage(snapshot: string): string {
  const { stdout, stderr } = spawnSync('sha256sum', ['--quiet', '-c', 'SHA256SUMS'], {
    cwd: snapshot,
    encoding: 'utf8',
  });
  return `${stdout}${stderr}`;
}

/** A part of the cases that is spread over all of them, the same at every run. */
export function sample<T>(cases: readonly T[], most: number): readonly T[] {
  if (all || cases.length <= most) return cases;
  return Array.from({ length: most }, (_, index) => cases[Math.floor((index * cases.length) / most)]!);
}
