/** Is a restart of a node pending, and why? Only judges what was looked at. */
import { orderOf } from '../../lightning/installation/version-order.ts';
import type { SnapshotRecord } from '../../snapshot/record/record.ts';
import type { InstalledNow } from '../installed/compare.ts';
import { type LibrariesNow, whyRestart } from '../libraries/now.ts';
import type { NodeOrigin } from './node-snapshot.ts';

export interface Restart {
  /** null: it could not be determined */
  readonly restartPending: boolean | null;
  /** why a restart is pending, or why that is not known; null where neither */
  readonly reason: string | null;
}

/**
 * By its files and its libraries.
 * @param record of its snapshot
 * @param now what is installed where that was taken from
 * @param libraries null: it may not be looked into
 */
export function restartOf(
  origin: NodeOrigin,
  record: SnapshotRecord | undefined,
  now: InstalledNow | undefined,
  libraries: LibrariesNow | null,
): Restart {
  const judged = byFiles(origin, record, now);
  const reason = libraries === null ? undefined : whyRestart(libraries);
  return reason === undefined || judged.restartPending === true ? judged : { restartPending: true, reason };
}

function byFiles(
  { snapshot, replaced, path }: NodeOrigin,
  record: SnapshotRecord | undefined,
  now: InstalledNow | undefined,
): Restart {
  if (path === undefined) return { restartPending: null, reason: 'it may not be looked into' };
  if (snapshot === undefined) {
    return replaced
      ? { restartPending: true, reason: 'it runs from no snapshot, and its file was replaced' }
      : { restartPending: false, reason: 'it runs from no snapshot: an upgrade would break it' };
  }
  if (record === undefined || now === undefined)
    return { restartPending: null, reason: 'its snapshot has no readable record' };
  if (now.root === null) return { restartPending: null, reason: now.reason };
  if (now.root === record.root) return { restartPending: false, reason: null };
  return { restartPending: true, reason: `installed is ${versusRunning(now.version, record.version)}` };
}

/** What is installed, as against what runs. */
function versusRunning(installed: string | null, running: string): string {
  if (installed === running) return `other files of ${running}`;
  if (installed === null) return `another version, not ${running}`;
  return orderOf(installed, running) === 'older'
    ? `${installed}, older than ${running}: it may refuse the node's database`
    : `${installed}, not ${running}`;
}
