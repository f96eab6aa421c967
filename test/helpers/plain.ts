/**
 * Snapshots of plain files, taken in this process: a source whose programs nobody has to ask, for tests of the single
 * parts of taking one.
 */
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Directory } from '../../src/linux/files/directory.ts';
import { makeStore } from '../../src/snapshot/store/store.ts';
import type { ListedFile, Source } from '../../src/snapshot/take/source.ts';
import { takeSnapshot } from '../../src/snapshot/take/take.ts';
import type { Taken, Terms } from '../../src/snapshot/take/terms.ts';
import { SOME_FILES, type TestFile } from './snapshots.ts';
import { tempDir } from './stand-in.ts';

/** Who runs the tests. */
export const US = BigInt(process.geteuid?.() ?? 0);

/** As long as what was just written is in doubt for its youth, and a little more: not an assertion, only a rest. */
export const tick = () => new Promise(resolve => setTimeout(resolve, 15));

/** Does it come true for once? Of what must be quicker than a tick of the clock, on a machine that is busy. */
export async function once(attempt: () => Promise<boolean | undefined>): Promise<boolean> {
  for (let n = 0; n < 100; n++) if ((await attempt()) === true) return true;
  return false;
}

/** Writes files below `prefix`, with the modes that programs and data have. */
export function writeFiles(prefix: string, files: readonly TestFile[] = SOME_FILES): void {
  for (const { path, content, executable = true } of files) {
    mkdirSync(dirname(join(prefix, path)), { recursive: true });
    writeFileSync(join(prefix, path), content, { mode: executable ? 0o755 : 0o644 });
    age(join(prefix, path));
  }
}

/** Gives a file the mtime of an hour ago: whole seconds, which utimesSync can put back as they were. */
export function age(path: string): void {
  const anHourAgo = Math.floor(Date.now() / 1000) - 3600;
  utimesSync(path, anHourAgo, anHourAgo);
}

/** Writes to a file with its size as before, and puts back its mtime, which is one of whole seconds. */
export function overwrite(path: string): void {
  const { atime, mtime } = lstatSync(path);
  const fd = openSync(path, 'r+');
  writeSync(fd, 'X');
  closeSync(fd);
  utimesSync(path, atime, mtime);
}

/** A file as a source lists it. */
export function listed(prefix: string, path: string): ListedFile {
  const source = join(prefix, path);
  return { path, source, stat: lstatSync(source, { bigint: true }) };
}

/** An installation of plain files, and a store beside it. */
export async function makePlain(overrides: Partial<Terms> = {}) {
  const dir = tempDir();
  const prefix = join(dir, 'usr');
  writeFiles(prefix);
  await tick();
  const store = makeStore(join(dir, 'lightning/subdaemons'), { uid: Number(US) });
  onTestFinished(() => store.close());
  const source = sourceOf(prefix);
  const terms = { ...TERMS, ...overrides };
  const observer = { step: () => undefined, lockWait: () => undefined, settling: () => undefined };
  const plan = { store, source, terms, observer };
  /** Takes the snapshot, and lets go of it. */
  const take = async (): Promise<Omit<Taken, 'directory'>> => {
    const { directory, ...taken } = await takeSnapshot(plan);
    directory.close();
    return taken;
  };
  return { dir, prefix, store, source, terms, plan, take };
}

/** A source whose programs all say the same. */
function sourceOf(prefix: string): Source {
  const lightningd = join(prefix, 'bin/lightningd');
  return {
    path: lightningd,
    named: lightningd,
    identity: undefined,
    list: async () => {
      const entries = readdirSync(prefix, { recursive: true, encoding: 'utf8' }).sort();
      const isFile = (path: string) => statSync(join(prefix, path)).isFile();
      return {
        program: 'bin/lightningd',
        files: entries.filter(isFile).map(path => listed(prefix, path)),
        directories: ['.', ...entries.filter(path => !isFile(path))].map(path => {
          return { path: join(prefix, path), stat: lstatSync(join(prefix, path), { bigint: true }) };
        }),
        links: [],
      };
    },
    versions: async () => ({ version: 'v25.12', answers: [{ path: 'bin/lightningd', says: 'v25.12' }] }),
    neededBytes: () => 0n,
  };
}

/** Those of a launch of this user that leaves libraries to the system. */
export const TERMS: Terms = {
  owner: US,
  pid: process.pid,
  bootId: 'this boot',
  method: 'auto',
  pinning: undefined,
  libraries: 'leave',
  libraryPath: undefined,
  gate: true,
  settleMs: 0,
  lockMs: 10_000,
  expectRoot: undefined,
};

/** What is open in this process, to tell whether something was left open. */
export function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Closes after the test. */
export function closing(directory: Directory): Directory {
  onTestFinished(() => directory.close());
  return directory;
}
