import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openssl } from '../../../src/linux/openssl.ts';
import { type Digests, nodeDigests } from '../../../src/snapshot/hash/digest.ts';
import { type HashRequest, hashFiles } from '../../../src/snapshot/hash/hash.ts';

const MiB = 1 << 20;
/** Both sides of every limit: empty, the last file done on the main thread, the first on a thread, one and several pieces. */
const SIZES = [0, 1, 4096, 131071, 131072, 131073, MiB, 2 * MiB - 1, 2 * MiB, 2 * MiB + 1, 9 * MiB + 5];

let top: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'holdfast-hash-'));
});
afterEach(() => rmSync(top, { recursive: true }));

const engines: [string, () => Digests | undefined][] = [
  ["Node's own OpenSSL", openssl],
  ['node:crypto', nodeDigests],
];

describe.each(engines)('hashing by %s', (_name, engine) => {
  let by: Digests;
  beforeEach(ctx => {
    const had = engine();
    if (had === undefined) ctx.skip('this Node does not export its OpenSSL');
    else by = had;
  });

  it('files of every size get the digest of their bytes, in the order asked for', async () => {
    const files = SIZES.map(size => file(`f${size}`, randomBytes(size)));
    const results = await hashFiles(
      files.map(({ path, bytes }) => ({ path, size: bytes.length })),
      by,
    );
    expect(results).toEqual(files.map(({ bytes }) => ({ sha256: hex(bytes), size: bytes.length })));
  });

  it('a copy gets the bytes that were hashed', async () => {
    const files = SIZES.map(size => file(`f${size}`, randomBytes(size)));
    const copies = files.map(({ path }) => openSync(`${path}.copy`, 'wx'));
    const requests = files.map(({ path, bytes }, at) => ({ path, size: bytes.length, copyTo: copies[at]! }));
    const results = await hashFiles(requests, by);
    copies.forEach(closeSync);
    const copied = files.map(({ path }) => hex(readFileSync(`${path}.copy`)));
    expect(copied).toEqual(results.map(result => result.sha256));
  });

  it('the pieces shown are the whole file, in order', async () => {
    const files = SIZES.map(size => file(`f${size}`, randomBytes(size)));
    const seen = files.map(() => createHash('sha256'));
    const requests = files.map(({ path, bytes }, at): HashRequest => {
      return { path, size: bytes.length, onChunk: chunk => void seen[at]!.update(chunk) };
    });
    const results = await hashFiles(requests, by);
    expect(results.map(result => result.sha256)).toEqual(seen.map(hash => hash.digest('hex')));
  });

  it('a descriptor is read from its position on and stays open', async () => {
    const { path, bytes } = file('f', randomBytes(3 * MiB));
    const fd = openSync(path, 'r');
    const [whole] = await hashFiles([{ fd, path, size: bytes.length }], by);
    const [rest] = await hashFiles([{ fd, path, size: 0 }], by);
    closeSync(fd);
    expect(whole).toEqual({ sha256: hex(bytes), size: bytes.length });
    expect(rest).toEqual({ sha256: hex(Buffer.alloc(0)), size: 0 });
  });

  it.each([
    ['small', 1000],
    ['big', 5 * MiB],
  ])('a %s file cut short or grown since it was looked at shows by its size', async (_word, size) => {
    const { path, bytes } = file('f', randomBytes(size));
    const [cut, grown] = await hashFiles(
      [
        { path, size: size + 10 },
        { path, size: size - 10 },
      ],
      by,
    );
    expect(cut).toEqual({ sha256: hex(bytes), size });
    expect(grown?.size).toBeGreaterThan(size - 10);
    expect(grown?.size).toBeLessThanOrEqual(size);
  });

  it('of a file far larger than expected little more than that is read', async () => {
    const path = sparse('f', 64 * MiB);
    const results = await hashFiles(
      [
        { path, size: 10 },
        { path, size: MiB },
      ],
      by,
    );
    expect(results.map(result => result.size)).toEqual([11, MiB + 1]);
  });

  it('a failed read names the file and the call', async () => {
    const fd = openSync(top, 'r');
    for (const size of [10, MiB]) {
      await expect(hashFiles([{ fd, path: top, size }], by)).rejects.toMatchObject({
        code: 'SYSTEM',
        errno: 'EISDIR',
        syscall: 'read',
        path: top,
      });
    }
    closeSync(fd);
  });

  it('a full disk is an error that names the file being copied', async () => {
    const full = openSync('/dev/full', 'w');
    for (const size of [10, MiB]) {
      const { path } = file(`f${size}`, randomBytes(size));
      await expect(hashFiles([{ path, size, copyTo: full }], by)).rejects.toMatchObject({
        errno: 'ENOSPC',
        syscall: 'write',
        path,
      });
    }
    closeSync(full);
  });

  it('a file of 128 MiB takes no more memory than one of 20', async () => {
    await hashFiles([{ path: sparse('small', 20 * MiB), size: 20 * MiB }], by);
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const watch = () => {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    };
    const [result] = await hashFiles(
      [{ path: sparse('big', 128 * MiB), size: 128 * MiB, onChunk: watch }],
      by,
    );
    expect(result?.size).toBe(128 * MiB);
    expect(most).toBeLessThan(4 * MiB);
  });

  it('a failure is reported when nothing is read any more, and leaves no descriptor open', async () => {
    const open = descriptors();
    const paths = Array.from({ length: 8 }, (_, at) => sparse(`f${at}`, 16 * MiB));
    const fds = paths.map(path => openSync(path, 'r'));
    const requests: HashRequest[] = fds.map((fd, at) => ({ fd, path: paths[at]!, size: 16 * MiB }));
    requests.push({ path: join(top, 'missing'), size: 20 * MiB }, { path: paths[0]!, size: 16 * MiB });
    await expect(hashFiles(requests, by)).rejects.toMatchObject({ errno: 'ENOENT', syscall: 'open' });
    const positions = fds.map(position);
    await new Promise(resolve => setTimeout(resolve, 30));
    expect(fds.map(position)).toEqual(positions);
    fds.forEach(closeSync);
    expect(descriptors()).toEqual(open);
  });

  it('what the looker at the pieces throws comes out as it is', async () => {
    const thrown = new Error('enough');
    const onChunk = () => {
      throw thrown;
    };
    for (const size of [10, MiB]) {
      const { path } = file(`f${size}`, randomBytes(size));
      await expect(hashFiles([{ path, size, onChunk }], by)).rejects.toBe(thrown);
    }
  });

  it('small files beside big ones are all hashed', async () => {
    const files = Array.from({ length: 300 }, (_, at) =>
      file(`f${at}`, randomBytes(at % 50 === 0 ? 2 * MiB : 9000)),
    );
    const results = await hashFiles(
      files.map(({ path, bytes }) => ({ path, size: bytes.length })),
      by,
    );
    expect(results.map(result => result.sha256)).toEqual(files.map(({ bytes }) => hex(bytes)));
  });
});

describe('hashFiles', () => {
  const notFiles: [string, (path: string) => void, object][] = [
    ['a directory', path => mkdirSync(path), { code: 'BAD_SOURCE' }],
    ['a FIFO that nobody writes to', path => execFileSync('mkfifo', [path]), { code: 'BAD_SOURCE' }],
    ['a symbolic link', path => symlinkSync('/bin/sh', path), { errno: 'ELOOP', syscall: 'open' }],
  ];
  it.each(notFiles)('refuses %s in the place of a file', async (_word, make, error) => {
    const path = join(top, 'it');
    make(path);
    const open = descriptors();
    for (const size of [10, MiB])
      await expect(hashFiles([{ path, size }])).rejects.toMatchObject({ ...error, path });
    expect(descriptors()).toEqual(open);
  });

  it('has nothing to do for no files', async () => {
    expect(await hashFiles([])).toEqual([]);
  });
});

function file(name: string, bytes: Buffer): { path: string; bytes: Buffer } {
  const path = join(top, name);
  writeFileSync(path, bytes);
  return { path, bytes };
}

function sparse(name: string, size: number): string {
  const path = join(top, name);
  const fd = openSync(path, 'wx');
  ftruncateSync(fd, size);
  closeSync(fd);
  return path;
}

function hex(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function descriptors(): string[] {
  return readdirSync('/proc/self/fd').sort();
}

function position(fd: number): string {
  return /^pos:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? 'none';
}
