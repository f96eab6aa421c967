/**
 * The check `pinned` of verify, made while a snapshot is read: every pinned file can be reached. One that can is then
 * checked like any other, as the file that it leads to. Where none can, the snapshot is gone with its process: that is
 * one finding, and nothing more can be said of those files. Only looks.
 */
import type { BigIntStats } from 'node:fs';
import type { Directory } from '../../linux/files/directory.ts';
import { holderOf, type PinLink, pinAt, reach, targetOf } from '../record/pinned.ts';
import type { SnapshotRecord } from '../record/record.ts';
import type { Ledger } from './ledger.ts';
import type { Scan } from './scan.ts';

/** What came of the look. */
export interface PinView {
  /** by path in the snapshot: where to open it, and the file itself */
  readonly reached: ReadonlyMap<string, { readonly openAt: string; readonly stat: BigIntStats }>;
  /** pinned files of which nothing is known */
  readonly lost: ReadonlySet<string>;
  /** the process that pinned has ended, or let go */
  readonly gone: boolean;
}

/** What it depends on. */
export interface PinReading {
  readonly directory: Directory;
  readonly scan: Scan;
  /** the paths that are files of the snapshot */
  readonly paths: Iterable<string>;
  readonly record: SnapshotRecord | undefined;
  readonly bootId: string;
  /** does another process hold the snapshot's lock? */
  readonly isHeld: () => boolean;
}

/** Looks through every pin; what is wrong goes into the ledger. */
export function lookAtPins(reading: PinReading, ledger: Ledger): PinView {
  const { record, bootId } = reading;
  const recorded = new Map(record?.files.map(file => [file.path, file]));
  const reached = new Map<string, { openAt: string; stat: BigIntStats }>();
  const closed = new Map<string, string>();
  const lost = new Map<string, { pin: PinLink; found: string }>();
  let first: PinLink | undefined;
  for (const [path, pin] of pinsOf(reading)) {
    first ??= pin;
    const holder = holderOf(pin, record, bootId);
    const look = holder === 'here' ? reach(pin, recorded.get(path)?.placedIs) : undefined;
    if (look === undefined && holder === 'closed') closed.set(path, 'it is hidden');
    else if (look === undefined) lost.set(path, { pin, found: 'no such process' });
    else if ('stat' in look) reached.set(path, { openAt: targetOf(pin), stat: look.stat });
    else if ('closed' in look) closed.set(path, look.closed);
    else lost.set(path, { pin, found: look.found });
  }
  const [why] = closed.values();
  if (first !== undefined && why !== undefined)
    ledger.unknown('pinned', '.', `what process ${first.pid} holds may not be looked at (${why})`);
  if (first !== undefined && reached.size === 0 && closed.size === 0) {
    const { pid } = first;
    const ended = [...lost.values()].every(({ found }) => found === 'no such process');
    if (ended && reading.isHeld()) {
      const reason = `process ${pid}, which pinned ${lost.size} files, cannot be seen from here, and the snapshot is in use`;
      ledger.unknown('pinned', '.', reason);
      return { reached, lost: new Set(lost.keys()), gone: false };
    }
    const what = ended ? 'has ended' : 'has let go of them, as lightningd does when it re-executes itself';
    const reason = `it is gone, not damaged: the process that pinned ${lost.size} of its files ${what}`;
    const found = ended ? 'no such process' : 'none of them is open';
    ledger.finding('pinned', '.', reason, `process ${pid} with ${lost.size} open descriptors`, found);
    return { reached, lost: new Set(lost.keys()), gone: true };
  }
  for (const [path, { pin, found }] of lost) {
    ledger.finding('pinned', path, 'its pin does not lead to it', `the file at ${targetOf(pin)}`, found);
  }
  return { reached, lost: new Set([...lost.keys(), ...closed.keys()]), gone: false };
}

/** The links among the files that are pins, as far as the record does not say otherwise. */
function* pinsOf({ directory, scan, paths, record }: PinReading): Generator<readonly [string, PinLink]> {
  const others = new Set(record?.files.filter(file => file.placement !== 'pin').map(file => file.path));
  for (const path of paths) {
    if (scan.entries.get(path)?.isSymbolicLink() !== true || others.has(path)) continue;
    const pin = pinAt(directory.at(path));
    if (pin !== undefined) yield [path, pin];
  }
}
