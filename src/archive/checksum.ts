/** Is the archive the one that was published? By its SHA-256, before a byte of it is looked at. Only reads. */
import { createHash } from 'node:crypto';
import { readFileSync, readSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { HoldfastError, quote, systemError } from '../errors.ts';
import type { Archive } from './open.ts';

/** What the archive must be. */
export interface ArchiveChecksum {
  /** 64 lower-case hex digits */
  readonly sha256: string | undefined;
  /** absolute path of a SHA256SUMS file with a line for the archive's name */
  readonly sums: string | undefined;
}

const CHUNK = 1 << 20; // bytes
/** A file of digests is a page long; this is none. */
const MAX_SUMS_BYTES = 1 << 20;

/**
 * Hashes the archive and holds it against what was pinned; without a pin nothing is read.
 * @throws HoldfastError `DIFFERS`; `ARCHIVE` where the file of digests does not name it; `UNREADABLE`
 */
export function checkArchive(archive: Archive, { sha256, sums }: ArchiveChecksum): void {
  const wanted: { readonly digest: string; readonly by: string }[] = [];
  if (sha256 !== undefined) wanted.push({ digest: sha256, by: '--sha256' });
  if (sums !== undefined) wanted.push({ digest: digestFrom(sums, archive), by: quote(sums) });
  if (wanted.length === 0) return;
  const found = hash(archive);
  for (const { digest, by } of wanted) {
    if (digest === found) continue;
    throw new HoldfastError(
      'DIFFERS',
      `${quote(archive.named)} has the SHA-256 ${found}, but ${by} says ${digest}`,
      {
        path: archive.named,
        hint: 'it is damaged, another version, or forged: fetch it again, and check the signature of the digests',
      },
    );
  }
}

function hash({ fd, named }: Archive): string {
  const digest = createHash('sha256');
  const buffer = Buffer.allocUnsafe(CHUNK);
  try {
    for (let at = 0; ; ) {
      const read = readSync(fd, buffer, 0, CHUNK, at);
      if (read === 0) return digest.digest('hex');
      digest.update(buffer.subarray(0, read));
      at += read;
    }
  } catch (error) {
    throw systemError('read', named, error);
  }
}

/**
 * The digest that a SHA256SUMS file has for the archive, by the name that the operator gave or the one it leads to.
 * Other lines are not looked at: a clear-signed file has its signature around them.
 */
function digestFrom(sums: string, { named, path }: Archive): string {
  const digests = readLines(sums).flatMap(line => {
    const [, digest = '', name = ''] = /^([0-9a-fA-F]{64}) [ *](?:.*\/)?([^/]+)$/.exec(line) ?? [];
    return name === basename(named) || name === basename(path) ? [digest.toLowerCase()] : [];
  });
  const [first, ...others] = new Set(digests);
  if (first !== undefined && others.length === 0) return first;
  const what = first === undefined ? 'has no line' : 'has several digests';
  throw new HoldfastError('ARCHIVE', `${quote(sums)} ${what} for ${quote(basename(named))}`, {
    path: sums,
    hint: 'name the SHA256SUMS of the same release, and leave the archive the name that it was published under',
  });
}

function readLines(sums: string): string[] {
  try {
    if (statSync(sums).size > MAX_SUMS_BYTES) {
      throw new HoldfastError('UNREADABLE', `${quote(sums)} is too large for a list of digests`, {
        path: sums,
      });
    }
    return readFileSync(sums, 'utf8').split(/\r?\n/);
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    const { message, errno, cause } = systemError('read', sums, error);
    throw new HoldfastError('UNREADABLE', message, { path: sums, errno, cause });
  }
}
