/**
 * dpkg's record: info/PACKAGE.list has a package's files, `updates` and `status` its state. dpkg notes `unpacked` after it
 * has renamed all files and removed what it kept of the old ones; a postinst runs as `half-configured`. While it unpacks
 * there are temporary names, so this is only asked for the end. Only looks.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { Installed } from './state.ts';
import { namesBelow, type PackageState } from './state.ts';

/** The states of a package whose files are all in their places. dpkg(1) */
const UNPACKED: ReadonlySet<string> = new Set([
  'unpacked',
  'half-configured',
  'triggers-awaited',
  'triggers-pending',
  'installed',
]);

/** A list is written moments before the last change of a directory. */
const LIST_NS = 120_000_000_000n;

/** @param root the directory that has `var/lib/dpkg` @returns undefined where the record says nothing of it */
export function dpkgState(root: string, installed: Installed): PackageState | undefined {
  const database = `${root === '/' ? '' : root}/var/lib/dpkg`;
  const owner = ownerOf(database, namesBelow(root, installed.lightningd), installed.changedNs);
  if (owner === undefined) return undefined;
  const states = new Map<string, { readonly state: string; readonly note: string }>();
  for (const note of [...notesIn(`${database}/updates`), `${database}/status`]) {
    // the newest note on a package counts
    for (const [name, state] of statesIn(note)) if (!states.has(name)) states.set(name, { state, note });
  }
  const ours = states.get(owner);
  if (ours === undefined || !UNPACKED.has(ours.state)) return undefined;
  for (const { state } of states.values()) if (state === 'half-installed') return undefined; // it may share directories
  const isSince = statSync(ours.note, { bigint: true }).mtimeNs >= installed.changedNs;
  return isSince ? { state: 'unpacked' } : undefined;
}

/** The newest first. */
function notesIn(updates: string): string[] {
  const names = readdirSync(updates).filter(name => /^\d+$/.test(name));
  return names.sort((a, b) => Number(b) - Number(a)).map(name => `${updates}/${name}`);
}

function ownerOf(database: string, names: readonly string[], changedNs: bigint): string | undefined {
  const lines = names.map(name => `/${name}\n`);
  for (const list of readdirSync(`${database}/info`).filter(name => name.endsWith('.list'))) {
    const path = `${database}/info/${list}`;
    if (changedNs - statSync(path, { bigint: true }).mtimeNs > LIST_NS) continue;
    const text = readFileSync(path, 'utf8');
    if (lines.some(line => text.startsWith(line) || text.includes(`\n${line}`))) {
      return list.replace(/(:[^:]*)?\.list$/, '');
    }
  }
  return undefined;
}

function statesIn(note: string): [name: string, state: string][] {
  const stanzas = readFileSync(note, 'utf8').matchAll(
    /^Package: (\S+)\n(?:Essential: .*\n|Protected: .*\n)*Status: \S+ \S+ (\S+)$/gm,
  );
  return [...stanzas].map(([, name = '', state = '']) => [name, state]);
}
