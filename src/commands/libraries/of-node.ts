/** What has become of the libraries of a running node, whatever it runs from. Only looks. */
import { join } from 'node:path';
import { HoldfastError } from '../../errors.ts';
import type { LightningNode } from '../../lightning/nodes/nodes.ts';
import { readBootId } from '../../linux/proc/boot-id.ts';
import type { SnapshotRecord } from '../../snapshot/record/record.ts';
import type { NodeOrigin } from '../running/node-snapshot.ts';
import { heldNow, type LibrariesNow } from './now.ts';
import type { Startable } from './system.ts';

/** Looks. @returns null where the node may not be looked into, or what it runs from is not known */
export async function librariesOf(
  node: LightningNode,
  { path, snapshot, replaced }: NodeOrigin,
  record: SnapshotRecord | undefined,
): Promise<LibrariesNow | null> {
  if (path === undefined || node.program.kind === 'script') return null;
  if (record?.libraries !== undefined) return heldNow(record, readBootId());
  const { systemNow } = await import('./system.ts'); // asks the loader: status of most nodes need not
  if (snapshot === undefined) return systemNow(node, replaced ? [] : await installedPrograms(path));
  if (record === undefined) return null;
  const programs = record.files.map(file => ({ path: file.path, source: join(snapshot, file.path) }));
  return systemNow(node, programs);
}

/** What a lightningd that runs from its installation may start; an installation that is half gone has none that is known. */
async function installedPrograms(lightningd: string): Promise<Startable[]> {
  const { listContents } = await import('../../lightning/installation/contents.ts');
  const { findInstallation } = await import('../../lightning/installation/installation.ts');
  try {
    const { files } = listContents(findInstallation(lightningd));
    return files.filter(({ stat }) => (stat.mode & 0o111n) !== 0n);
  } catch (error) {
    if (error instanceof HoldfastError) return [];
    throw error;
  }
}
