/**
 * The bytes of a tar archive out of its compression, as they come: gzip by zlib, zstd by zlib where this Node has it,
 * else zstd and xz by the system's programs. Memory stays flat, also against an archive that asks for more. Never
 * leaves a process behind. What stands behind the end of the compressed data is refused.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readSync } from 'node:fs';
import { Readable, type Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { errnoOf, HoldfastError, quote, systemError } from '../errors.ts';
import { Refused } from './fault.ts';
import type { Archive } from './open.ts';

const CHUNK = 128 * 1024; // bytes

/** The programs, their arguments, and the package that has them. A window above the limit is refused (xz(1), zstd(1)). */
const PROGRAMS = {
  xz: { args: ['--decompress', '--stdout', '--memlimit-decompress=256MiB'], package: 'xz-utils (or xz)' },
  zstd: { args: ['--decompress', '--stdout', '--no-progress', '--memory=128MB'], package: 'zstd' },
} as const;

/** How much of a program's complaint is kept, bytes. */
const COMPLAINT_BYTES = 2000;

/** Since Node 22.15; @types/node is that of the oldest Node we support. */
type CreateZstd = (options: { chunkSize: number }) => Transform & { readonly bytesWritten: number };
const createZstdDecompress = (zlib as { createZstdDecompress?: CreateZstd }).createZstdDecompress;

/**
 * The archive without its compression.
 * @param environment of the caller: PATH is searched for the programs
 * @throws Refused where the compression is damaged; HoldfastError `UNSUPPORTED` where nothing here can undo it
 */
export async function* decompress(
  archive: Archive,
  environment: Readonly<Record<string, string>>,
): AsyncGenerator<Buffer, void, undefined> {
  switch (archive.format) {
    case 'tar':
      yield* piecesOf(archive, Buffer.allocUnsafe(CHUNK));
      return;
    case 'gzip':
      yield* throughZlib(archive, zlib.createGunzip({ chunkSize: CHUNK }));
      return;
    case 'zstd':
      if (createZstdDecompress === undefined) yield* throughProgram(archive, 'zstd', environment);
      else yield* throughZlib(archive, createZstdDecompress({ chunkSize: CHUNK }));
      return;
    case 'xz':
      yield* throughProgram(archive, 'xz', environment);
  }
}

/**
 * Reads by position: the descriptor's own stays where it is.
 * @param shared memory for every piece, where each is done with before the next is asked for
 */
function* piecesOf({ fd, named }: Archive, shared?: Buffer): Generator<Buffer, void, undefined> {
  for (let at = 0; ; ) {
    const buffer = shared ?? Buffer.allocUnsafe(CHUNK);
    let read: number;
    try {
      read = readSync(fd, buffer, 0, CHUNK, at);
    } catch (error) {
      throw systemError('read', named, error);
    }
    if (read === 0) return;
    at += read;
    yield buffer.subarray(0, read);
  }
}

async function* throughZlib(
  archive: Archive,
  unzip: Transform & { readonly bytesWritten: number },
): AsyncGenerator<Buffer, void, undefined> {
  const source = Readable.from(piecesOf(archive), { objectMode: false });
  source.on('error', error => unzip.destroy(error));
  source.pipe(unzip);
  try {
    yield* unzip;
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    throw new Refused(`its compression is damaged or cut short (${(error as Error).message})`);
  } finally {
    source.destroy();
    unzip.destroy();
  }
  // zlib stops where its data ends, and takes no notice of what follows
  if (BigInt(unzip.bytesWritten) !== archive.stat.size)
    throw new Refused('there is something behind the end of the compressed data');
}

async function* throughProgram(
  archive: Archive,
  name: keyof typeof PROGRAMS,
  environment: Readonly<Record<string, string>>,
): AsyncGenerator<Buffer, void, undefined> {
  const { args } = PROGRAMS[name];
  const fd = openSync(`/proc/self/fd/${archive.fd}`, 'r'); // the same file, read from its start
  // without what XZ_OPT, XZ_DEFAULTS and ZSTD_* would change; a translated complaint would help nobody
  const env = { PATH: environment.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' };
  const child = spawn(name, args, { stdio: [fd, 'pipe', 'pipe'], env, cwd: '/' });
  closeSync(fd);
  const closed = once(child, 'close');
  closed.catch(() => undefined); // awaited below, or what went wrong before is said
  const { stdout, stderr } = child as ChildProcessByStdio<null, Readable, Readable>; // as `stdio` says
  let complaint = '';
  stderr.setEncoding('utf8').on('data', text => {
    complaint = (complaint + text).slice(0, COMPLAINT_BYTES);
  });
  let isWhole = false;
  try {
    yield* stdout;
    isWhole = true;
  } finally {
    if (!isWhole) {
      child.kill('SIGKILL');
      stdout.destroy();
      await closed.catch(() => undefined);
    }
  }
  let ended: unknown[];
  try {
    ended = await closed;
  } catch (error) {
    throw missing(archive, name, error);
  }
  if (ended[0] === 0) return;
  const [line = ''] = complaint.trim().split('\n');
  throw new Refused(
    `its compression is damaged or cut short (${line || `${name} ended with ${ended[0] ?? ended[1]}`})`,
  );
}

function missing({ named }: Archive, name: keyof typeof PROGRAMS, error: unknown): HoldfastError {
  if (errnoOf(error) !== 'ENOENT') return systemError('start', name, error);
  const byNode = name === 'zstd' ? ', or run holdfast with Node.js 22.15 or newer' : '';
  return new HoldfastError('UNSUPPORTED', `${quote(named)} needs the program ${name}, which is not in PATH`, {
    path: named,
    cause: error,
    hint: `install the package ${PROGRAMS[name].package}${byNode}; or unpack the compression elsewhere: a plain .tar will do`,
  });
}
