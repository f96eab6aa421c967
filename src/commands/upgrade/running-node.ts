/** The node that the parent of --on-upgrade has started, once it is lightningd. */
import { readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Again } from '../../launch/again.ts';
import type { SnapshotRecord } from '../../snapshot/store/record.ts';
import { recordOf } from '../installed/installed-now.ts';

/** A running node and the snapshot it runs from. */
export interface RunningNode extends Again {
  readonly snapshot: string;
  readonly record: SnapshotRecord;
}

/** The snapshot that the child runs from; undefined where it has ended, or is no lightningd of a snapshot. */
export function findNode(child: Again): RunningNode | undefined {
  try {
    const program = readlinkSync(`/proc/${child.pid}/exe`);
    const snapshot = dirname(dirname(program));
    const record = recordOf(snapshot);
    return record === undefined ? undefined : { ...child, snapshot, record };
  } catch {
    return undefined; // it has ended, and how is what counts
  }
}
