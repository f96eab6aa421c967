/**
 * Is standard error the journal of systemd? Then lines get a priority in front (sd-daemon(3)), which the journal takes off
 * again: `journalctl -p warning` finds warnings. JOURNAL_STREAM names the stream that systemd gave, by device and inode
 * (systemd.exec(5)); a program in between may have put another one in its place.
 */
import { fstatSync } from 'node:fs';

/** syslog(3)'s levels, as far as holdfast has something to say. */
export const PRIORITIES = { error: '<3>', warning: '<4>', info: '<6>' } as const;
export type Priority = keyof typeof PRIORITIES;

/** Does this descriptor lead to the stream that JOURNAL_STREAM names? */
export function isJournal(stream: string | undefined, fd: number): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false; // closed: nobody reads
  }
}
