/** Which boot of the kernel this is, as far as a process can tell. */
import { readFileSync, readlinkSync } from 'node:fs';
import { monotonicMs } from '../time.ts';

/**
 * The kernel's id of this boot (random(4), /proc/sys/kernel/random/boot_id): a UUID; '' in a sandbox that hides it
 * (ProcSubset=pid).
 */
export function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/** Containers that get an id of their own at each of their starts, mounted over the kernel's, by their own names. */
const WITH_AN_ID_OF_THEIR_OWN: ReadonlySet<string> = new Set(['lxc', 'lxc-libvirt', 'systemd-nspawn']);

/**
 * Is the boot id that of a container, so that another one may mean the same boot of the kernel? Told by the file that
 * systemd writes in every container (systemd.io/CONTAINER_INTERFACE).
 */
export function isBootIdOfContainer(file = '/run/systemd/container'): boolean {
  try {
    return WITH_AN_ID_OF_THEIR_OWN.has(readFileSync(file, 'utf8').trim());
  } catch {
    return false;
  }
}

/** PROC_TIME_INIT_INO of include/linux/proc_ns.h */
const FIRST_TIME_NAMESPACE = 'time:[4026531834]';

/**
 * Milliseconds that the kernel runs (CLOCK_MONOTONIC), the same for all its processes and never going back: less than
 * at another moment means another boot. Undefined in a time namespace, which may have put it off (time_namespaces(7)).
 */
export function kernelClockMs(): number | undefined {
  try {
    if (readlinkSync('/proc/self/ns/time') !== FIRST_TIME_NAMESPACE) return undefined;
  } catch {
    // ENOENT: a kernel without time namespaces (before Linux 5.6)
  }
  return monotonicMs();
}
