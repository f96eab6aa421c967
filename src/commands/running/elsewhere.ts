/** Subdaemons of a node that run from another place than its snapshot. Only judges what was listed. */
import type { LightningNode } from '../../lightning/nodes/nodes.ts';
import { inodeKey } from '../../linux/proc/image.ts';
import type { SnapshotRecord } from '../../snapshot/record/record.ts';
import { rootOf } from './node-snapshot.ts';

/** A process, and what it executes, as a path in its own mount namespace. */
export interface Elsewhere {
  readonly pid: number;
  readonly program: string;
}

/** None for a node without a snapshot. */
export function subdaemonsElsewhere(
  { process, descendants }: LightningNode,
  snapshot: string | undefined,
  record: SnapshotRecord | undefined,
): Elsewhere[] {
  if (snapshot === undefined) return [];
  // the paths of processes are those of their own mount namespace
  const root = rootOf(process.pid);
  const own = snapshot.startsWith(`${root}/`) ? snapshot.slice(root.length) : snapshot;
  // what is pinned runs under its name in the installation: device and inode tell
  const pinned = new Set(
    record?.files
      .filter(({ placement }) => placement === 'pin')
      .map(({ placedIs }) => placedIs.split(':', 2).join(':')),
  );
  return descendants.flatMap(({ pid, exe, comm }) => {
    if (exe.kind !== 'file' || !comm.startsWith('lightning_')) return [];
    if (pinned.has(inodeKey(exe))) return [];
    return exe.path.startsWith(`${own}/`) ? [] : [{ pid, program: exe.path }];
  });
}
