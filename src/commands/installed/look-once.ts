/** Looks at snapshots for a command that asks of each more than once, while launches may wipe them. */
import { existsSync } from 'node:fs';
import { errnoOf } from '../../errors.ts';
import { readBootId } from '../../linux/proc/boot-id.ts';
import { recordAt } from '../../snapshot/record/find-records.ts';
import type { SnapshotRecord } from '../../snapshot/record/record.ts';
import { type Comparison, compare } from './installed-now.ts';

/** Looks at each snapshot once, whoever asks, and compares each with its installation once. */
export interface Look {
  record(snapshot: string): SnapshotRecord | undefined;
  /** undefined: it has no readable record, or was wiped meanwhile */
  comparison(snapshot: string): Promise<Comparison | undefined> | undefined;
}

/** For a user of this uid, in this boot. */
export function lookOnce(uid: number): Look {
  const bootId = readBootId();
  const records = new Map<string, SnapshotRecord | undefined>();
  const comparisons = new Map<string, Promise<Comparison | undefined>>();
  const look: Look = {
    record(snapshot) {
      if (!records.has(snapshot)) records.set(snapshot, recordAt(snapshot));
      return records.get(snapshot);
    },
    comparison(snapshot) {
      const record = look.record(snapshot);
      if (record === undefined) return undefined;
      const known = comparisons.get(snapshot) ?? compareOrGone(snapshot, record, { uid, bootId });
      comparisons.set(snapshot, known);
      return known;
    },
  };
  return look;
}

async function compareOrGone(...[snapshot, ...rest]: Parameters<typeof compare>) {
  try {
    return await compare(snapshot, ...rest);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && !existsSync(snapshot)) return undefined; // a launch wiped it
    throw error;
  }
}
