/**
 * `run --use=SNAPSHOT`: a snapshot that is there already, whatever is installed, even if that is nothing. The parent of
 * --on-upgrade uses it to start a snapshot that has passed the gate, and to go back to the one that ran before. Builds
 * nothing, wipes nothing.
 */
import { basename, dirname } from 'node:path';
import { HoldfastError, quote } from '../../errors.ts';
import { Directory } from '../../linux/files/directory.ts';
import { readRecord } from '../../snapshot/record/record.ts';
import { setCurrent } from '../../snapshot/store/current.ts';
import { findByName } from '../../snapshot/store/in-use.ts';
import { STORE_NAME } from '../../snapshot/store/layout.ts';
import { lockStore } from '../../snapshot/store/lock.ts';
import { openStore } from '../../snapshot/store/store.ts';
import { checkProgram } from '../../snapshot/take/checks.ts';
import { isOurs } from '../../snapshot/take/prove/by-record.ts';
import type { Taken } from '../../snapshot/take/terms.ts';
import type { Context } from '../context.ts';
import { placedNow } from '../installed/placed-files.ts';
import type { Target } from './target.ts';

/** How long the store's lock is waited for, which only `current` needs, ms. */
const LOCK_MS = 5_000;

/** What the operator asked for. */
export interface UseOptions {
  readonly expectRoot: string | undefined;
  readonly snapshotDir: string | undefined;
}

/**
 * Holds the snapshot, after each of its files was seen to be what was placed.
 * @param snapshot its path, or its name in the store
 * @throws HoldfastError `NO_SNAPSHOT`, `DIFFERS`, `ROOT_MISMATCH`, `STORE_REFUSED`, `NOEXEC`, `SYSTEM`
 */
export async function useSnapshot(
  snapshot: string,
  target: Target,
  { expectRoot, snapshotDir }: UseOptions,
  context: Context,
): Promise<{ readonly taken: Taken; readonly store: string }> {
  const place = snapshotDir ?? `${target.options.lightningDir}/${STORE_NAME}`;
  const path = snapshot.startsWith('/') ? snapshot : findByName(place, snapshot);
  if (path === undefined) {
    throw new HoldfastError('NO_SNAPSHOT', `there is no snapshot ${quote(snapshot)} in ${quote(place)}`, {
      path: place,
    });
  }
  const store = storeAround(path, context);
  try {
    const directory = Directory.open(path);
    const record = readRecord(directory);
    if (record === undefined || record.pinnedBy !== undefined || !directory.tryLock('shared')) {
      throw new HoldfastError('NO_SNAPSHOT', `${quote(path)} is no snapshot that can be used again`, {
        path,
      });
    }
    if (!isOurs(directory, basename(path), record, BigInt(context.uid))) {
      throw new HoldfastError(
        'NO_SNAPSHOT',
        `${quote(path)} could be changed by others, or was made by them`,
        {
          path,
          hint: 'a snapshot is used again by the user who made it, or where root did',
        },
      );
    }
    if (expectRoot !== undefined && expectRoot !== record.root) {
      const message = `the root of ${quote(path)} is ${record.root}, not the expected ${expectRoot}`;
      throw new HoldfastError('ROOT_MISMATCH', message, { path });
    }
    const [first, ...more] = (await placedNow(path, record, context.pid)).overwritten;
    if (first !== undefined) {
      const others = more.length === 0 ? '' : ` and ${more.length} more`;
      throw new HoldfastError(
        'DIFFERS',
        `${quote(`${path}/${first}`)}${others} is not what was placed there`,
        { path, hint: `holdfast verify ${path}` },
      );
    }
    const found = { directory, id: basename(path), record };
    await checkProgram(store, found);
    await pointCurrent(store, place, found.id, context);
    return { taken: { ...found, reused: true, wiped: [], warnings: [] }, store: store.path };
  } finally {
    store.close();
  }
}

/** The store that it lies in: nothing there is to be moved away because --use names something else. */
function storeAround(path: string, context: Context): Directory {
  try {
    return openStore(dirname(path), context);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'STORE_REFUSED') throw error;
    throw new HoldfastError('STORE_REFUSED', `${quote(path)} lies in no store to use: ${error.message}`, {
      path,
      hint: '--use names a snapshot of a store: holdfast status lists them',
      cause: error,
    });
  }
}

/** `current` of the store, and of the one that a fallback is used for. Where it cannot be changed, the launch goes on. */
async function pointCurrent(store: Directory, place: string, id: string, context: Context): Promise<void> {
  const turn = async (directory: Directory, to: string) => {
    const lock = await lockStore(directory, {
      lockMs: LOCK_MS,
      lockWait: holder => context.notice(`another holdfast works in the store (${holder}): waiting for it`),
    });
    try {
      setCurrent(directory, to, context.pid);
    } finally {
      lock.release();
    }
  };
  try {
    await turn(store, id);
    if (place === store.path) return;
    const asked = openStore(place, context);
    try {
      await turn(asked, `${store.path}/${id}`);
    } finally {
      asked.close();
    }
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    context.warn(error.message);
  }
}
