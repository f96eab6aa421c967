/**
 * The check `libraries` of verify: libraries.json is there where libraries are held, valid, and in each directory that it
 * names a link leads to them. The libraries themselves are then checked as programs are: `files`, `digests` and the rest.
 */
import { readlinkSync } from 'node:fs';
import { HoldfastError } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import { type LibrariesDocument, parseLibraries } from '../libraries/document.ts';
import type { SnapshotRecord } from '../record/record.ts';
import { LIBRARIES_DIR, LIBRARIES_NAME } from '../store/layout.ts';
import type { Ledger } from './ledger.ts';
import { type HeldView, readOwn } from './read-snapshot.ts';
import { kindOf, type Scan } from './scan.ts';

/** Reads libraries.json, and looks at each link; what is wrong goes into the ledger. */
export function lookAtLibraries(
  directory: Directory,
  scanned: Scan,
  record: SnapshotRecord | undefined,
  ledger: Ledger,
): HeldView {
  const held = record?.libraries !== undefined || scanned.entries.has(LIBRARIES_NAME);
  if (!held) return { document: undefined, held, links: new Set() };
  const bytes = readOwn(directory, LIBRARIES_NAME, 'libraries', scanned, ledger);
  const document = bytes && parse(bytes, ledger);
  const directories = document?.directories ?? [];
  for (const path of directories) lookAtLink(directory, path, scanned, ledger);
  return { document, held, links: new Set(directories.map(linkIn)) };
}

function parse(bytes: Buffer, ledger: Ledger): LibrariesDocument | undefined {
  try {
    return parseLibraries(bytes);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'MANIFEST_INVALID') throw error;
    const expected = 'a valid holdfast-libraries/1';
    ledger.finding('libraries', LIBRARIES_NAME, 'it is not a valid list', expected, error.message);
    return undefined;
  }
}

function lookAtLink(directory: Directory, below: string, { entries, closed }: Scan, ledger: Ledger): void {
  const path = linkIn(below);
  const expected = `a symbolic link to ${'../'.repeat(below.split('/').length)}${LIBRARIES_DIR}`;
  const stat = entries.get(path);
  if (stat === undefined) {
    const why = closed.get(path) ?? closed.get(below) ?? closed.get('.');
    if (why !== undefined) ledger.unknown('libraries', path, why);
    else ledger.finding('libraries', path, 'it is missing', expected, 'nothing');
    return;
  }
  const found = stat.isSymbolicLink() ? `a symbolic link to ${targetOf(directory, path)}` : kindOf(stat);
  if (found !== expected) ledger.finding('libraries', path, 'it leads elsewhere', expected, found);
}

function linkIn(directory: string): string {
  return `${directory}/${LIBRARIES_DIR}`;
}

function targetOf(directory: Directory, path: string): string {
  return directory.attempt('read the link', path, at => readlinkSync(at));
}
