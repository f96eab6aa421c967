/** Installations of the stand-in that need a library of their own, and ways to take it away. */
import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { makeCInstallation, makeLibraries, type StandIn } from './stand-in.ts';

/** The sonames of the library: programs need the first, which needs the second. */
export const SONAMES = ['libdeep.so.2', 'libstandin.so.1'] as const;

/** An installation whose programs need libraries that lie in `libraryDir`. */
export interface Needing {
  readonly installed: StandIn;
  readonly libraryDir: string;
}

/** Makes it below `dir`. Its lightning-cli needs no library, so that a test can ask a node whatever becomes of them. */
export function makeNeeding(dir: string, name = 'lib'): Needing {
  const libraryDir = join(dir, name);
  const installed = makeCInstallation(dir, 'v25.12', { libraryDir, pythonPlugin: false });
  const { cli } = makeCInstallation(join(dir, 'plain'), 'v25.12', { plugins: 0, pythonPlugin: false });
  return { installed: { ...installed, cli }, libraryDir };
}

/** Removes what is in the directory: the libraries are gone. */
export function removeLibraries(libraryDir: string): void {
  for (const name of readdirSync(libraryDir)) rmSync(join(libraryDir, name));
}

/** Replaces them by ones that end whatever loads them. */
export function breakLibraries(libraryDir: string): void {
  ensureDirSync(libraryDir);
  makeLibraries(libraryDir, { aborting: true });
}

/** The files that a process has mapped whose names have `part` in them, each once. */
export function mapped(pid: number, part: string): string[] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  const paths = lines.map(line => line.slice(73)).filter(path => path.includes(part));
  return [...new Set(paths)].sort();
}

/** The LD_LIBRARY_PATH that a process was started with; undefined: it has none. */
export function libraryPathOf(pid: number): string | undefined {
  const strings = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  return strings.find(string => string.startsWith('LD_LIBRARY_PATH='))?.slice(16);
}

/** The snapshot that `current` leads to. */
export function currentOf(lightningDir: string): string {
  const store = join(lightningDir, 'subdaemons');
  const target = readlinkSync(join(store, 'current'));
  return target.startsWith('/') ? target : join(store, target);
}
