/**
 * inotify(7): what happens in directories. Node's own fs.watch asks for all that can be asked for; here a directory may
 * be watched for what becomes of itself alone, so that a busy one (/tmp, /usr) wakes nobody.
 */
import { closeSync, readSync } from 'node:fs';
import { errnoOf } from '../../errors.ts';
import { isLittleEndian } from '../byte-order.ts';
import { call } from '../libc.ts';

const IN_MODIFY = 0x2;
const IN_ATTRIB = 0x4;
const IN_MOVED_FROM = 0x40;
const IN_MOVED_TO = 0x80;
const IN_CREATE = 0x100;
const IN_DELETE = 0x200;
const IN_DELETE_SELF = 0x400;
const IN_MOVE_SELF = 0x800;
const IN_Q_OVERFLOW = 0x4000;
const IN_ONLYDIR = 0x1000000;

/** What may be of interest about a directory. */
export const INTEREST = {
  /** it was moved or removed, itself */
  self: IN_MOVE_SELF | IN_DELETE_SELF,
  /** names in it came or went */
  names: IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO,
  /** files in it were written to, or their modes, owners or times changed */
  content: IN_MODIFY | IN_ATTRIB,
} as const;

/** Something that happened. */
export interface DirectoryEvent {
  /** what `watch` gave */
  readonly watch: number;
  /** the name in the directory; '' where it is about the directory itself, its end included */
  readonly name: string;
}

/** An inotify instance. */
export class Inotify {
  /** readable when there are events; close-on-exec */
  readonly fd: number;

  /** @throws SyscallError EMFILE: fs.inotify.max_user_instances, or our own descriptors */
  constructor() {
    this.fd = call('int inotify_init1(int flags)', IN_NONBLOCK | IN_CLOEXEC);
  }

  /**
   * Watches a directory, links followed; a second watch of the same directory replaces the first, under its number.
   * @param interests of INTEREST, joined by `|`
   * @throws SyscallError ENOSPC: fs.inotify.max_user_watches; EACCES: it may not be read
   */
  watch(directory: string, interests: number): number {
    const prototype = 'int inotify_add_watch(int fd, const char *path, uint32_t mask)';
    return call(prototype, this.fd, directory, interests | IN_ONLYDIR);
  }

  /** Takes a watch back, if it is still there. */
  unwatch(watch: number): void {
    try {
      call('int inotify_rm_watch(int fd, int wd)', this.fd, watch);
    } catch (error) {
      if (errnoOf(error) !== 'EINVAL') throw error; // it ended with its directory
    }
  }

  /** What has happened since the last look, without waiting; 'too much' where the kernel's queue was full. @throws Error of Node's */
  events(): readonly DirectoryEvent[] | 'too much' {
    const events: DirectoryEvent[] = [];
    const buffer = Buffer.alloc(16_384);
    for (;;) {
      const length = readAvailable(this.fd, buffer);
      if (length === 0) return events;
      for (let at = 0; at < length; ) {
        const event = buffer.subarray(at, at + HEADER_BYTES + uint32(buffer, at + 12));
        const mask = uint32(event, 4);
        if ((mask & IN_Q_OVERFLOW) !== 0) return 'too much';
        events.push({
          watch: uint32(event, 0),
          name: event.toString('utf8', HEADER_BYTES).replace(/\0+$/, ''),
        });
        at += event.length;
      }
    }
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** struct inotify_event before its name: wd, mask, cookie, len */
const HEADER_BYTES = 16;
const IN_NONBLOCK = 0o4000;
const IN_CLOEXEC = 0o2000000;

function uint32(buffer: Buffer, at: number): number {
  return isLittleEndian ? buffer.readUInt32LE(at) : buffer.readUInt32BE(at);
}

function readAvailable(fd: number, buffer: Buffer): number {
  try {
    return readSync(fd, buffer);
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return 0;
    throw error;
  }
}
