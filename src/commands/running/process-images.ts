/**
 * The images of processes, hashed: the executed file itself through /proc/PID/exe, also where it was replaced or
 * deleted; for a script the file that its interpreter was given. The same file is hashed once, however many execute
 * it. Never writes. What may not be read has a reason in the place of a digest.
 */
import { type BigIntStats, closeSync, constants, fstatSync, openSync, realpathSync } from 'node:fs';
import { HoldfastError, systemError } from '../../errors.ts';
import { type Exe, inodeKey, isGone, openImage } from '../../linux/proc/image.ts';
import { type Process, readAgain } from '../../linux/proc/processes.ts';
import { programOf } from '../../linux/proc/program.ts';
import { hashFiles } from '../../snapshot/hash/hash.ts';

/** What a process runs. */
export interface Image {
  /** path of the file, in the mount namespace of the process; undefined where it may not be known */
  readonly program: string | undefined;
  /** undefined where it may not be read: `reason` says why */
  readonly sha256: string | undefined;
  /** that path leads to another file by now, or to none */
  readonly deleted: boolean;
  readonly reason: string | undefined;
}

/** The images by PID; processes that have ended meanwhile are left out. @throws HoldfastError where hashing fails */
export async function readImages(processes: readonly Process[]): Promise<ReadonlyMap<number, Image>> {
  const opened = new Map<string, OpenFile>();
  const seen = new Map<number, { readonly image: Image; readonly key: string | undefined }>();
  try {
    for (const process of processes) {
      try {
        seen.set(process.pid, lookAtOne(process, opened));
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    }
    const digests = await hashAll(opened);
    return new Map(
      [...seen].map(([pid, { image, key }]) => {
        const digest = key === undefined ? undefined : digests.get(key);
        return [
          pid,
          digest instanceof HoldfastError
            ? { ...image, reason: digest.message }
            : { ...image, sha256: digest },
        ];
      }),
    );
  } finally {
    for (const { fd } of opened.values()) closeSync(fd);
  }
}

interface OpenFile {
  readonly fd: number;
  readonly path: string;
  readonly stat: BigIntStats;
}

/** How often a process may execute something else just as it is looked at. */
const MOST_CHANGES = 3;

/** One that has executed something else since it was listed has the path and the arguments of what it runs now. */
function lookAtOne(listed: Process, opened: Map<string, OpenFile>) {
  let process = listed;
  for (let n = 0; ; n++) {
    const seen = look(process, opened);
    const now = readAgain(process);
    if (n === MOST_CHANGES || isSameImage(process.exe, now.exe)) return seen;
    process = now;
  }
}

function isSameImage(one: Exe, other: Exe): boolean {
  if (one.kind !== 'file' || other.kind !== 'file') return one.kind === other.kind;
  return one.ino === other.ino && one.dev === other.dev;
}

/** Opens what a process runs, or says why not. @throws ENOENT, ESRCH where the process is gone */
function look(process: Process, opened: Map<string, OpenFile>) {
  const { pid, exe } = process;
  const none = { program: undefined, sha256: undefined, deleted: false, reason: undefined };
  if (exe.kind === 'unreadable') {
    const reason = `what it executes may not be read (${exe.errno})`;
    return { image: { ...none, reason }, key: undefined };
  }
  const program = programOf(process);
  const reason =
    program.kind === 'interpreter' ? `${program.reason}: the interpreter is what runs` : undefined;
  const image =
    program.kind === 'script'
      ? { ...none, program: resolveLinks(program) }
      : { ...none, program: exe.path, deleted: exe.deleted, reason };
  try {
    const file = program.kind === 'script' ? openScript(program.openAt) : openImage(pid);
    const key = inodeKey(file.stat);
    if (opened.has(key)) closeSync(file.fd);
    else opened.set(key, { ...file, path: image.program ?? '' });
    return { image, key };
  } catch (error) {
    if (program.kind !== 'script' && isGone(error)) throw error;
    return { image: { ...image, reason: systemError('read', image.program, error).message }, key: undefined };
  }
}

/** As the kernel would show it of a program: `bin/../libexec/x` is `libexec/x`. */
function resolveLinks({ path, openAt }: { readonly path: string; readonly openAt: string }): string {
  if (openAt !== path) return path; // it means another file to us
  try {
    return realpathSync(path);
  } catch {
    return path; // gone, or closed to us: opening it says so
  }
}

/** A script may be named through a symbolic link; what it leads to must be a file, and a FIFO must not hang us. */
function openScript(path: string): Omit<OpenFile, 'path'> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const stat = fstatSync(fd, { bigint: true });
  if (stat.isFile()) return { fd, stat };
  closeSync(fd);
  throw new HoldfastError('SYSTEM', `the script ${path} is no file by now`, { path });
}

/** All in one call; where that fails, one by one, so that one image that cannot be read hides no other. */
async function hashAll(opened: ReadonlyMap<string, OpenFile>): Promise<Map<string, string | HoldfastError>> {
  const files = [...opened];
  const request = ({ fd, path, stat }: OpenFile) => ({ fd, path, size: Number(stat.size) });
  try {
    const hashes = await hashFiles(files.map(([, file]) => request(file)));
    return new Map(files.map(([key], index) => [key, hashes[index]!.sha256])); // one for each request
  } catch {
    const digests = new Map<string, string | HoldfastError>();
    for (const [key, file] of files) {
      try {
        // read from the start again: the failed call has moved the descriptor's position
        const fd = openSync(`/proc/self/fd/${file.fd}`, constants.O_RDONLY | constants.O_NONBLOCK);
        try {
          const [hash] = await hashFiles([{ ...request(file), fd }]);
          digests.set(key, hash!.sha256); // one for one request
        } finally {
          closeSync(fd);
        }
      } catch (error) {
        digests.set(key, systemError('read', file.path, error));
      }
    }
    return digests;
  }
}
