/**
 * What has become of the libraries that a running node needs. Here of held ones: whether the system has others by now,
 * which is nothing to the node. Reads what the record leaves in doubt. Of the system's: system.ts.
 */
import { existsSync, readlinkSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { agrees, fileIdentity } from '../../snapshot/record/identity.ts';
import { isOfBoot, type RecordedFile, type SnapshotRecord } from '../../snapshot/record/record.ts';
import { isHeldLibrary } from '../../snapshot/store/layout.ts';

/** What was found. */
export interface LibrariesNow {
  /** how many libraries are held for the node; 0: it uses the system's */
  readonly held: number;
  /** of held ones the names that the system has replaced since; else the paths that the node has loaded, and that were */
  readonly replaced: readonly string[];
  /** the same of those that are gone */
  readonly lost: readonly string[];
  /** programs that the node may start later and that cannot be loaded now; with held libraries none */
  readonly missing: readonly { readonly program: string; readonly library: string }[];
}

/** Of a node with held libraries. */
export async function heldNow(record: SnapshotRecord, bootId: string): Promise<LibrariesNow> {
  const held = record.files.filter(({ path }) => isHeldLibrary(path));
  const sameBoot = isOfBoot(record, bootId);
  const linksMoved = record.libraries?.links.some(({ path, to }) => targetOf(path) !== to) === true;
  const replaced: string[] = [];
  const lost: string[] = [];
  for (const file of held) {
    if (!file.source.startsWith('/')) continue; // it came out of an archive
    if (!linksMoved && agrees(file.sourceIs, fileIdentity(file.source), sameBoot)) continue;
    const found = foundNow(file, record);
    if (found === undefined) lost.push(basename(file.path));
    else if (!(await isSame(found, file.sha256))) replaced.push(basename(file.path));
  }
  return { held: held.length, replaced, lost, missing: [] };
}

/** Why the node should be restarted now; undefined: for no reason of libraries. */
export function whyRestart({ held, replaced, lost, missing }: LibrariesNow): string | undefined {
  const [first] = missing;
  if (held > 0) return undefined;
  if (first !== undefined || lost.length > 0) {
    const name = first?.library ?? basename(lost[0] ?? '');
    const who = first === undefined ? '' : `, which ${basename(first.program)} needs,`;
    return `${name}${who} is gone: the next channel will fail: restart now`;
  }
  if (replaced.length === 0) return undefined;
  const more = replaced.length === 1 ? '' : ` and ${replaced.length - 1} more`;
  return `${basename(replaced[0] ?? '')}${more} was replaced, and what lightningd starts from now on loads the new one: restart before the next channel`;
}

/** The file that the system has by now for a held library. */
function foundNow({ path, source }: RecordedFile, record: SnapshotRecord): string | undefined {
  const name = basename(path);
  const link = record.libraries?.links.find(known => basename(known.path) === name)?.path;
  return [link, join(dirname(source), name), source].find(each => each !== undefined && existsSync(each));
}

async function isSame(path: string, digest: string): Promise<boolean> {
  try {
    const { size } = statSync(path);
    const { hashFiles } = await import('../../snapshot/hash/hash.ts');
    const [hash] = await hashFiles([{ path: realOf(path), size }]);
    return hash?.sha256 === digest;
  } catch {
    return false; // gone or closed to us meanwhile: it is another than it was
  }
}

function realOf(path: string): string {
  const target = targetOf(path);
  if (target === undefined) return path;
  return realOf(target.startsWith('/') ? target : join(dirname(path), target));
}

function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // no link, or gone
  }
}
