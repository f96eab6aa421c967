/**
 * May this launch pin (snapshot/take/pin.ts)? What pinning cannot serve is refused here, before anything is made. Only looks,
 * but for one child that is started and ends.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { HoldfastError, systemError } from '../../errors.ts';
import type { Inherited } from '../../launch/inherited.ts';
import { parseStat } from '../../linux/proc/stat.ts';
import { whyChildrenCannotLookIn } from '../../linux/process/child-probe.ts';
import type { Pinning } from '../../snapshot/place/pin.ts';

/** From here on, so that LISTEN_FDS and what a shell numbers by hand stay below. */
const LEAST_PIN = 20;

/** How to go on without. */
const WITHOUT = 'without --method=pin nothing needs that';

/**
 * Who pins, and with which descriptors: above the caller's own.
 * @throws HoldfastError `USAGE` with an archive; `PLACEMENT` for lightningd's `daemon`, and where lightningd's children
 *   could not look into its entry in /proc
 */
export async function pinningFor(
  daemon: boolean,
  from: string | undefined,
  { descriptors, nofileSoft }: Inherited,
): Promise<Pinning> {
  if (from !== undefined) {
    throw new HoldfastError(
      'USAGE',
      '--from and --method=pin exclude each other: what an archive is unpacked to is in the store already',
    );
  }
  if (daemon) {
    throw new HoldfastError(
      'PLACEMENT',
      'cannot pin with daemon: lightningd then goes on under another PID, and what was pinned ends with this one',
      {
        hint: [
          'start it without --daemon (and no `daemon` in its configuration), under a service manager',
          'or without --method=pin',
        ],
      },
    );
  }
  const { pid, startTicks } = ourselves();
  const refusal = await whyChildrenCannotLookIn(pid);
  if (refusal !== undefined) {
    throw new HoldfastError(
      'PLACEMENT',
      `cannot pin: a child process may not execute what /proc/${pid}/fd leads to (${refusal}), so lightningd's could not`,
      {
        path: `/proc/${pid}/fd`,
        errno: refusal,
        hint: [
          'a security module, a sandbox or another real than effective user keeps it out of its entry there',
          WITHOUT,
        ],
      },
    );
  }
  const least = Math.max(LEAST_PIN, ...descriptors.map(fd => fd + 1));
  return { pid, startTicks, least, softLimit: nofileSoft };
}

/** This process by the numbers of this /proc, which children will look into. @throws HoldfastError `PLACEMENT` */
function ourselves(): { pid: number; startTicks: bigint } {
  try {
    const pid = Number(readlinkSync('/proc/self'));
    const stat = parseStat(readFileSync('/proc/self/stat', 'latin1'));
    if (stat?.pid === pid) return { pid, startTicks: stat.startTicks };
  } catch (error) {
    throw systemError('find this process in', '/proc', error);
  }
  throw new HoldfastError('PLACEMENT', 'cannot pin: /proc does not show this process', {
    path: '/proc',
    hint: WITHOUT,
  });
}
