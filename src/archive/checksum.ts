/** Is the archive the one that was published? By its SHA-256, before a byte of it is looked at. Only reads. */
import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { basename } from 'node:path';
import { HoldfastError, quote, systemError } from '../errors.ts';
import { readRegularFile } from '../linux/files/read-file.ts';
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
 * Hashes the archive and holds it against what the operator vouches for; where he does not, nothing is read.
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
 * Other lines are not looked at; of a clear-signed file only what the signature covers.
 */
function digestFrom(sums: string, { named, path }: Archive): string {
  const digests = signedLines(readLines(sums), sums).flatMap(line => {
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

const SIGNED = '-----BEGIN PGP SIGNED MESSAGE-----';
const SIGNATURE = '-----BEGIN PGP SIGNATURE-----';

/**
 * What a signature covers: the lines behind the empty one that ends the headers, up to the signature, dashes unescaped
 * (RFC 9580, section 7). Whether the signature is good, or there at all, is for gpg(1) to say. Of a file that is not signed:
 * all lines.
 * @throws HoldfastError `ARCHIVE` where several blocks leave open what is covered
 */
function signedLines(lines: readonly string[], sums: string): readonly string[] {
  const begins = lines.flatMap((line, index) => (line.trimEnd() === SIGNED ? [index] : []));
  const [begin] = begins;
  if (begin === undefined) return lines;
  const text = lines.indexOf('', begin) + 1;
  const end = lines.findIndex((line, index) => index > begin && line.trimEnd() === SIGNATURE);
  if (begins.length === 1 && text > 0) {
    return lines.slice(text, end === -1 ? undefined : end).map(line => line.replace(/^- /, ''));
  }
  throw new HoldfastError('ARCHIVE', `${quote(sums)} is no clear-signed text of one block`, {
    path: sums,
    hint: 'gpg --verify says what is wrong with it; fetch it again',
  });
}

/** A FIFO or a device is refused at once: it could let us wait for ever. */
function readLines(sums: string): string[] {
  try {
    const { bytes } = readRegularFile(sums, { mostBytes: MAX_SUMS_BYTES, follow: true });
    return bytes.toString().split(/\r?\n/);
  } catch (error) {
    const { message, errno, cause } = systemError('read', sums, error);
    throw new HoldfastError('UNREADABLE', message, { path: sums, errno, cause });
  }
}
