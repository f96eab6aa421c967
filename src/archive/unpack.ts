/**
 * Unpacks an archive into an empty directory of ours, in one pass. All that comes out is plain files (0755 or 0644),
 * directories (0755) and links that stay inside; owners, times, set-id bits and attributes are dropped. Never writes
 * outside the directory: files are made exclusively, symbolic links only when everything else is there. On an error
 * what was unpacked until then stays, for the caller to remove.
 */
import { closeSync, constants, fchmodSync, linkSync, openSync, symlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemError } from '../errors.ts';
import type { Directory } from '../linux/files/directory.ts';
import { decompress } from './decompress.ts';
import { Refused, refusal } from './fault.ts';
import { type Archive, hasChanged } from './open.ts';
import { type Member, type Sink, TarReader } from './reader.ts';

/** How much may come out of an archive. */
export interface Limits {
  /** with those that name the top, and headers that speak of all */
  readonly members: number;
  /** of the tar archive without its compression */
  readonly bytes: number;
  /** bytes that come out for each one of the file; asked from `ratioFrom` bytes on */
  readonly ratio: number;
  readonly ratioFrom: number;
}

/** Ten times what any release has had: 300 members, 200 MB, 5 to 1. */
export const LIMITS: Limits = {
  members: 20_000,
  bytes: 4 * 1024 ** 3,
  ratio: 100,
  ratioFrom: 64 * 1024 ** 2,
};

/**
 * Unpacks.
 * @returns the paths of the files and of the links to files, in the archive's order
 * @throws HoldfastError `ARCHIVE`, naming the member; `UNSUPPORTED` without the program for its compression; `SYSTEM`
 */
export async function unpack(
  archive: Archive,
  into: Directory,
  environment: Readonly<Record<string, string>>,
  limits: Limits = LIMITS,
): Promise<readonly string[]> {
  const writer = new Writer(into, limits);
  const reader = new TarReader(writer, limits.members);
  const most = Math.min(limits.bytes, Math.max(limits.ratioFrom, limits.ratio * Number(archive.stat.size)));
  let bytes = 0;
  try {
    for await (const piece of decompress(archive, environment)) {
      bytes += piece.length;
      if (bytes > most) throw new Refused(`more than ${most} bytes come out of it`, writer.current);
      reader.push(piece);
    }
    reader.end();
    if (hasChanged(archive)) throw new Refused('it was written to while it was read');
    writer.link();
    return writer.paths;
  } catch (error) {
    if (error instanceof Refused) throw refusal(archive.named, error.message, error.member, error);
    throw error;
  } finally {
    writer.close();
  }
}

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

class Writer implements Sink {
  readonly paths: string[] = [];
  readonly #into: Directory;
  readonly #limits: Limits;
  readonly #made = new Set<string>(['.']);
  readonly #symlinks: Member[] = [];
  #bytes = 0;
  #file: { readonly fd: number; readonly member: Member } | undefined;

  constructor(into: Directory, limits: Limits) {
    this.#into = into;
    this.#limits = limits;
  }

  /** the member that is being written */
  get current(): string | undefined {
    return this.#file?.member.name;
  }

  begin(member: Member): void {
    const { kind, path, name, size, target } = member;
    this.#bytes += size;
    if (this.#bytes > this.#limits.bytes)
      throw new Refused(`the files have more than ${this.#limits.bytes} bytes`, name);
    this.#make(kind === 'directory' ? path : dirname(path));
    if (kind === 'directory') return;
    this.paths.push(path);
    if (kind === 'symlink') this.#symlinks.push(member);
    else if (kind === 'hardlink') this.#into.attempt('link', path, to => linkSync(this.#into.at(target), to));
    else this.#file = { fd: this.#into.attempt('make', path, to => openSync(to, CREATE, 0o600)), member };
  }

  data(piece: Buffer): void {
    const { fd, member } = this.#file!; // the reader gives content of files only
    try {
      for (let at = 0; at < piece.length; ) at += writeSync(fd, piece, at);
    } catch (error) {
      throw systemError('write', this.#into.show(member.path), error);
    }
  }

  end(): void {
    const { fd, member } = this.#file!; // as above
    fchmodSync(fd, member.executable ? 0o755 : 0o644);
    this.close();
  }

  /** Makes the symbolic links, when nothing will be written any more. */
  link(): void {
    for (const { path, target } of this.#symlinks) {
      this.#into.attempt('link', path, to => symlinkSync(target, to));
    }
  }

  close(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) closeSync(file.fd);
  }

  #make(path: string): void {
    if (this.#made.has(path)) return;
    this.#make(dirname(path));
    this.#into.make(path);
    this.#made.add(path);
  }
}
