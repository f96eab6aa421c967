/**
 * Hashes files, several at a time, and copies them in the same pass where asked.
 * Never maps a file: an in-place writer that cuts one short would end this process by SIGBUS, and the mapped
 * pages would count as our memory; reading takes a twentieth longer at most (measured). Never reads without end,
 * keeps memory flat whatever the sizes, and touches no descriptor after its promise has settled.
 *
 * Files over SMALL go to libuv's threads, the biggest first, so that no big one is left over for the end; LANES
 * of them are under way at once, each with a buffer of its own. Small ones are done here meanwhile: the way
 * to a thread and back would take longer than the hashing.
 */
import { closeSync, constants, fstatSync, openSync, readSync, write, writeSync } from 'node:fs';
import { HoldfastError, quote, systemError } from '../../errors.ts';
import { type Digests, digests } from './digest.ts';

/** One file to hash: by descriptor, from its position on, or by path. */
export interface HashRequest {
  /** Open for reading, a regular file; stays open, its position moves. */
  readonly fd?: number;
  /** Opened here without `fd`, no link followed at its end; with `fd` only its name in errors. */
  readonly path?: string;
  /** The size in bytes that it is believed to have. Of a larger one little more than this is read. */
  readonly size: number;
  /** A descriptor to which all that is read is written too. */
  readonly copyTo?: number;
  /** Sees every piece in order; the bytes are valid during the call only. Pieces do not overlap. */
  readonly onChunk?: (chunk: Buffer) => void;
}

/** What was read. */
export interface HashResult {
  /** 64 lower-case hex digits */
  readonly sha256: string;
  /** Bytes read: another number than was asked for where the file was not, or did not stay, of that size. */
  readonly size: number;
}

const LANES = 4; // libuv's threads, unless UV_THREADPOOL_SIZE says otherwise
const CHUNK = 512 << 10; // bytes; LANES of these are all the memory used. From 0.5 to 8 MiB no difference (measured)
const SMALL = 128 << 10; // bytes
const TURN = 1 << 20; // bytes hashed here before the threads' answers are looked at

const idle: Buffer[] = []; // buffers whose pages are there already

/**
 * The SHA-256 of each file, in the order of the requests.
 * Rejects with the first failure, when no other file is under way any more: HoldfastError `SYSTEM` with path and
 * call, or `BAD_SOURCE` for what is no regular file. What `onChunk` throws is passed on as it is.
 */
export async function hashFiles(requests: readonly HashRequest[], by?: Digests): Promise<HashResult[]> {
  if (requests.length === 0) return []; // nothing is loaded for nothing
  const digest = by ?? digests();
  const results = new Array<HashResult>(requests.length);
  const jobs = requests.map((request, index) => ({ request, index }));
  const small = jobs.filter(({ request }) => request.size <= SMALL);
  const big = jobs
    .filter(({ request }) => request.size > SMALL)
    .sort((a, b) => b.request.size - a.request.size);
  const failures: unknown[] = [];
  let next = 0;

  async function lane(): Promise<void> {
    const buffer = idle.pop() ?? digest.buffer(CHUNK);
    while (next < big.length && failures.length === 0) {
      const { request, index } = big[next++]!; // below its length
      await hashBig(request, buffer, digest).then(
        result => {
          results[index] = result;
        },
        error => failures.push(error),
      );
    }
    if (idle.length < LANES) idle.push(buffer);
  }

  async function here(): Promise<void> {
    let done = 0;
    for (const { request, index } of small) {
      if (failures.length > 0) return;
      try {
        results[index] = hashSmall(request, digest);
      } catch (error) {
        failures.push(error);
      }
      done += request.size + 4096; // opening takes as long as hashing a page or two
      if (done < TURN || next === big.length) continue;
      done = 0;
      await new Promise(setImmediate);
    }
  }

  await Promise.all([...Array.from({ length: Math.min(LANES, big.length) }, lane), here()]);
  if (failures.length > 0) throw failures[0];
  return results;
}

async function hashBig(request: HashRequest, buffer: Buffer, by: Digests): Promise<HashResult> {
  const fd = openRequest(request);
  try {
    const digest = by.digestOf(fd);
    try {
      let done = 0;
      for (;;) {
        const wanted = nextRead(request.size, done, buffer.length);
        const size = await digest.read(buffer, wanted).catch(error => {
          throw failed('read', request, error);
        });
        done += size;
        if (size > 0) {
          const piece = buffer.subarray(0, size);
          request.onChunk?.(piece);
          if (request.copyTo !== undefined) await writeAll(request, request.copyTo, piece);
        }
        if (isLast(request.size, done, size, wanted)) break;
      }
      return { sha256: digest.digest().toString('hex'), size: done };
    } finally {
      digest.free();
    }
  } finally {
    if (request.fd === undefined) closeSync(fd);
  }
}

const smallBuffer = Buffer.allocUnsafeSlow(SMALL + 1);

function hashSmall(request: HashRequest, by: Digests): HashResult {
  const fd = openRequest(request);
  try {
    let done = 0;
    for (;;) {
      const wanted = nextRead(request.size, done, smallBuffer.length);
      let size: number;
      try {
        size = readSync(fd, smallBuffer, done, wanted, null);
      } catch (error) {
        throw failed('read', request, error);
      }
      done += size;
      if (isLast(request.size, done, size, wanted)) break;
    }
    const bytes = smallBuffer.subarray(0, done);
    if (done > 0) request.onChunk?.(bytes);
    if (request.copyTo !== undefined) writeAllHere(request, request.copyTo, bytes);
    return { sha256: by.sha256(bytes).toString('hex'), size: done };
  } finally {
    if (request.fd === undefined) closeSync(fd);
  }
}

/** A byte more than is left is asked for: not to get it says that the file ends where it should. */
function nextRead(size: number, done: number, room: number): number {
  return Math.min(room, size - done + 1);
}

/** The end of the file, the byte that should not be there, or all that should and no more. */
function isLast(size: number, done: number, got: number, wanted: number): boolean {
  return got === 0 || done > size || (done === size && got < wanted);
}

function openRequest(request: HashRequest): number {
  if (request.fd !== undefined) return request.fd;
  const path = nameOf(request);
  let fd: number;
  try {
    // O_NONBLOCK: a FIFO put in the file's place must not hold us (Node sets O_CLOEXEC itself)
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw failed('open', request, error);
  }
  try {
    if (fstatSync(fd).isFile()) return fd;
  } catch (error) {
    closeSync(fd);
    throw failed('look at', request, error);
  }
  closeSync(fd);
  // it was one when it was listed
  throw new HoldfastError('BAD_SOURCE', `${quote(path)} is no regular file`, { path, errno: 'ESTALE' });
}

async function writeAll(request: HashRequest, to: number, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += await new Promise<number>((resolve, reject) => {
      write(to, bytes, at, bytes.length - at, null, (error, size) => {
        if (error) reject(failed('copy', request, error));
        else resolve(size);
      });
    });
  }
}

function writeAllHere(request: HashRequest, to: number, bytes: Buffer): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(to, bytes, at, bytes.length - at);
  } catch (error) {
    throw failed('copy', request, error);
  }
}

function failed(what: string, request: HashRequest, error: unknown): HoldfastError {
  return systemError(what, nameOf(request), error);
}

function nameOf({ path, fd }: HashRequest): string {
  return path ?? `descriptor ${fd}`;
}
