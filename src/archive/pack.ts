/**
 * Writes files as a tar.gz that depends on nothing but their paths, modes and contents: in the order of their names'
 * bytes, no times, no owners, a fixed gzip header. The tar archive is the same everywhere; its compression is the same
 * wherever zlib compresses the same, which another version of Node need not. Streams, a few buffers at a time.
 */
import { createHash } from 'node:crypto';
import { readSync, writeSync } from 'node:fs';
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { Header } from 'tar/header';
import { Pax } from 'tar/pax';

/** A file to pack. */
export interface PackFile {
  readonly path: string;
  readonly executable: boolean;
  /** bytes */
  readonly size: number;
  /** its bytes, piece by piece; each piece is not touched again. Throws where they are not what they should be */
  readonly content: () => Iterable<Buffer>;
}

/** What was written. */
export interface Packed {
  /** size of the compressed archive, bytes */
  readonly bytes: number;
  readonly sha256: string;
  /** of the tar archive in it */
  readonly tarSha256: string;
}

const BLOCK = 512;
const CHUNK = 128 * 1024; // bytes

/** No name, no time, no hint at the compression, system unknown (RFC 1952 section 2.3.1): zlib would name its own. */
const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);

/** Packs the files, which are in order, to a descriptor. @throws what `content` and write(2) throw */
export async function pack(files: readonly PackFile[], to: number): Promise<Packed> {
  const plain = createHash('sha256');
  const compressed = createHash('sha256');
  const gzip = createGzip({ level: 6, chunkSize: CHUNK });
  const source = Readable.from(hashing(tarOf(files), plain), { objectMode: false });
  source.on('error', error => gzip.destroy(error));
  source.pipe(gzip);
  let bytes = 0;
  for await (const piece of gzip as AsyncIterable<Buffer>) {
    if (bytes < GZIP_HEADER.length) GZIP_HEADER.copy(piece, 0, bytes);
    compressed.update(piece);
    bytes += piece.length;
    for (let at = 0; at < piece.length; ) at += writeSync(to, piece, at);
  }
  return { bytes, sha256: compressed.digest('hex'), tarSha256: plain.digest('hex') };
}

/** Reads an open file from its start, in pieces. */
export function* piecesOf(fd: number): Generator<Buffer, void, undefined> {
  for (let at = 0; ; ) {
    const buffer = Buffer.allocUnsafe(CHUNK);
    const read = readSync(fd, buffer, 0, CHUNK, at);
    if (read === 0) return;
    at += read;
    yield buffer.subarray(0, read);
  }
}

function* hashing(pieces: Iterable<Buffer>, hash: { update(piece: Buffer): unknown }): Generator<Buffer> {
  for (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
}

function* tarOf(files: readonly PackFile[]): Generator<Buffer> {
  for (const file of files) {
    yield* headersOf(file);
    yield* file.content();
    yield Buffer.alloc((BLOCK - (file.size % BLOCK)) % BLOCK);
  }
  yield Buffer.alloc(2 * BLOCK);
}

function* headersOf({ path, executable, size }: PackFile): Generator<Buffer> {
  const header = new Header({
    path,
    mode: executable ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    size,
    mtime: new Date(0),
    type: 'File',
    linkpath: '',
    uname: '',
    gname: '',
    devmaj: 0,
    devmin: 0,
  });
  const needsPax = header.encode();
  if (needsPax) yield new Pax({ path, size }).encode();
  yield header.block!; // made by encode()
}
