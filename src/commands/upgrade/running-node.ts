/** The node that the parent of --on-upgrade has started, once it is lightningd. Only looks. */
import { readlinkSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { HoldfastError, quote } from '../../errors.ts';
import { Directory } from '../../linux/files/directory.ts';
import { sleep } from '../../linux/time.ts';
import { readRecord, type SnapshotRecord } from '../../snapshot/record/record.ts';
import { isSnapshotName } from '../../snapshot/store/layout.ts';
import type { Child } from './children.ts';
import { within } from './within.ts';

/** A snapshot that is held: as long as its directory is open and locked nobody wipes it. */
export interface HeldSnapshot {
  readonly path: string;
  readonly record: SnapshotRecord;
  readonly directory: Directory;
}

/** A running node and the snapshot it runs from. */
export interface RunningNode extends Child, HeldSnapshot {}

/** How often to look at a child that is still holdfast, ms. */
const LOOK_MS = 200;

/**
 * The snapshot that the child runs from; undefined where it has ended, or executes no lightningd of a snapshot that
 * has a record.
 * @throws HoldfastError, or Node's error where it cannot be looked at now
 */
export async function findNode(child: Child): Promise<RunningNode | undefined> {
  const ended = child.ended.then(() => 'ended' as const);
  while (isHoldfast(child.pid))
    if ((await Promise.race([ended, sleep(LOOK_MS)])) === 'ended') return undefined;
  if ((await within(0, ended)) === 'ended') return undefined;
  const program = readlinkSync(`/proc/${child.pid}/exe`);
  const held = holdThatOf(program) ?? (await sleep(LOOK_MS).then(() => holdThatOf(program)));
  return held && { ...child, ...held };
}

/** A record that cannot be read is as none, and none is for good: so it is looked for twice. */
function holdThatOf(program: string): HeldSnapshot | undefined {
  // bin/lightningd, or local/bin/lightningd where BINDIR lies deeper below the common prefix
  for (let path = dirname(dirname(program)); path !== '/'; path = dirname(path)) {
    if (!isSnapshotName(basename(path))) continue;
    const held = hold(path, record => `${path}/${record.program}` === program);
    if (held !== undefined) return held;
  }
  return undefined;
}

/**
 * Holds a snapshot; undefined where it has no record, or not the one that is wanted.
 * @throws HoldfastError where it is gone, `NO_SNAPSHOT` where it is just being wiped, or where it cannot be looked at now
 */
export function hold(path: string, isWanted: (record: SnapshotRecord) => boolean): HeldSnapshot | undefined {
  const directory = Directory.open(path);
  let held: HeldSnapshot | undefined;
  try {
    if (!directory.tryLock('shared'))
      throw new HoldfastError('NO_SNAPSHOT', `${quote(path)} is being removed`, { path });
    const record = readRecord(directory); // of one that was removed before we had the lock, none is there
    if (record === undefined || !isWanted(record)) return undefined;
    held = { path, record, directory };
    return held;
  } finally {
    if (held === undefined) directory.close();
  }
}

/** Does it still execute what we execute? A zombie executes nothing. @throws Node's error */
function isHoldfast(pid: number): boolean {
  const [its, ours] = [`/proc/${pid}/exe`, '/proc/self/exe'].map(path =>
    statSync(path, { bigint: true, throwIfNoEntry: false }),
  );
  return its !== undefined && its.dev === ours?.dev && its.ino === ours.ino;
}
