/** The kernel's id of this boot (random(4), /proc/sys/kernel/random/boot_id). */
import { readFileSync } from 'node:fs';

/** A UUID; '' in a container that hides it: then nothing recorded is believed without hashing. */
export function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
