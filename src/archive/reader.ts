/**
 * Reads a tar archive as it comes, block by block, and hands its members on: the codec of the header is node-tar's,
 * the order of things is ours, so that nothing is skipped in silence. What is no plain file, directory or link, or can
 * be read in two ways, is refused. Keeps nothing but one header. Never touches a disk.
 */
import { Header } from 'tar/header';
import { Refused } from './fault.ts';
import { type MemberKind, Members } from './members.ts';
import { type PaxRecords, readPax } from './pax.ts';

/** A member that was accepted. */
export interface Member {
  readonly kind: MemberKind;
  /** as the archive has it */
  readonly name: string;
  /** below the top */
  readonly path: string;
  /** of a symbolic link as the archive has it; of a hard link the path of its file below the top */
  readonly target: string;
  /** bytes */
  readonly size: number;
  /** is any execute bit set? Set-id bits, owners and times are dropped */
  readonly executable: boolean;
}

/** Who gets the members; calls come in order. */
export interface Sink {
  begin(member: Member): void;
  /** a piece of a file's content, valid during the call */
  data(piece: Buffer): void;
  end(): void;
}

const BLOCK = 512;
/** A long name or an extended header; Linux has no name that needs more. */
const MAX_META_BYTES = 64 * 1024;

const KINDS: Readonly<Record<string, MemberKind>> = {
  File: 'file',
  OldFile: 'file',
  Directory: 'directory',
  SymbolicLink: 'symlink',
  Link: 'hardlink',
};

/** How to call what is refused. */
const REFUSED: Readonly<Record<string, string>> = {
  CharacterDevice: 'it is a device',
  BlockDevice: 'it is a device',
  FIFO: 'it is a FIFO',
  SparseFile: 'it is a sparse file',
};

/** What stands before a member and speaks of it, or of all that follow. */
const IS_META: ReadonlySet<string> = new Set([
  'ExtendedHeader',
  'GlobalExtendedHeader',
  'NextFileHasLongPath',
  'NextFileHasLongLinkpath',
]);

type State = 'header' | 'file' | 'meta' | 'padding' | 'last' | 'after';

/** The reader: push pieces of any length, then say that it was all. */
export class TarReader {
  readonly #sink: Sink;
  readonly #members = new Members();
  readonly #mostMembers: number;
  readonly #block = Buffer.alloc(BLOCK);
  #count = 0;
  #filled = 0;
  #state: State = 'header';
  /** bytes of a body or its padding still to come */
  #left = 0;
  #padding = 0;
  #meta: { readonly type: string; readonly pieces: Buffer[] } | undefined;
  #pax: PaxRecords | undefined;
  #longName: string | undefined;
  #longTarget: string | undefined;
  #last = '';

  /** @param mostMembers counted are all that are no header of a member: those that name the top, and global headers */
  constructor(sink: Sink, mostMembers: number) {
    this.#sink = sink;
    this.#mostMembers = mostMembers;
  }

  /** @throws Refused; and what the sink throws */
  push(piece: Buffer): void {
    for (let at = 0; at < piece.length; ) at += this.#take(piece.subarray(at));
  }

  /** @throws Refused where the archive is cut short */
  end(): void {
    if (this.#state !== 'after')
      throw new Refused('the archive is cut short', this.#last === '' ? undefined : this.#last);
    if (this.#last === '') throw new Refused('the archive has no members');
  }

  /** @returns how much of the piece was used up, at least one byte */
  #take(piece: Buffer): number {
    switch (this.#state) {
      case 'header':
      case 'last':
        return this.#takeBlock(piece);
      case 'after':
        if (!isZero(piece)) throw new Refused('there is something behind the end of the archive');
        return piece.length;
      default:
        return this.#takeBody(piece);
    }
  }

  #takeBlock(piece: Buffer): number {
    const used = piece.copy(this.#block, this.#filled, 0, BLOCK - this.#filled);
    this.#filled += used;
    if (this.#filled < BLOCK) return used;
    this.#filled = 0;
    const zero = isZero(this.#block);
    if (this.#state === 'last' && !zero)
      throw new Refused('an empty block stands between members', this.#last);
    if (zero) this.#state = this.#state === 'last' ? 'after' : 'last';
    else this.#header();
    return used;
  }

  #takeBody(piece: Buffer): number {
    const part = piece.subarray(0, this.#left);
    this.#left -= part.length;
    if (this.#state === 'file') this.#sink.data(part);
    if (this.#state === 'meta') this.#meta!.pieces.push(Buffer.from(part)); // set with the state
    if (this.#left > 0) return part.length;
    if (this.#state === 'file') this.#sink.end();
    if (this.#state === 'meta') this.#endMeta();
    const hasPadding = this.#state !== 'padding' && this.#padding > 0;
    this.#state = hasPadding ? 'padding' : 'header';
    this.#left = hasPadding ? this.#padding : 0;
    return part.length;
  }

  #body(state: 'file' | 'meta', size: number): void {
    this.#state = state;
    this.#left = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
  }

  #header(): void {
    const header = this.#decode();
    const { type = '' } = header;
    const isMeta = IS_META.has(type);
    if (!isMeta || type === 'GlobalExtendedHeader') this.#countMember();
    if (isMeta) this.#beginMeta(type, header.size);
    else this.#beginMember(header);
  }

  #countMember(): void {
    this.#count += 1;
    if (this.#count > this.#mostMembers) {
      throw new Refused(`there are more than ${this.#mostMembers} members`, this.#last);
    }
  }

  #decode(): Header {
    let header: Header;
    try {
      header = new Header(this.#block);
    } catch (error) {
      throw new Refused(`a header is damaged: ${(error as Error).message}`, this.#last);
    }
    if (!header.cksumValid) throw new Refused('a header is damaged: its checksum is wrong', this.#last);
    return header;
  }

  #beginMeta(type: string, size: number | undefined): void {
    if (size === undefined || size < 1 || size > MAX_META_BYTES) {
      throw new Refused('an extended header has an impossible size', this.#last);
    }
    const isTwice =
      (type === 'ExtendedHeader' && this.#pax !== undefined) ||
      (type === 'NextFileHasLongPath' && this.#longName !== undefined) ||
      (type === 'NextFileHasLongLinkpath' && this.#longTarget !== undefined);
    if (isTwice) throw new Refused('two extended headers of a kind stand before one member', this.#last);
    this.#meta = { type, pieces: [] };
    this.#body('meta', size);
  }

  #endMeta(): void {
    const { type, pieces } = this.#meta!; // set when its body began
    const body = Buffer.concat(pieces);
    this.#meta = undefined;
    if (type === 'ExtendedHeader') this.#pax = readPax(body, 'member');
    else if (type === 'GlobalExtendedHeader') readPax(body, 'global');
    else if (type === 'NextFileHasLongPath') this.#longName = untilNul(body);
    else this.#longTarget = untilNul(body);
  }

  #beginMember(header: Header): void {
    const { path: paxName, linkpath: paxTarget, size: paxSize } = this.#pax ?? {};
    const name = paxName ?? this.#longName ?? header.path ?? '';
    const target = paxTarget ?? this.#longTarget ?? header.linkpath ?? '';
    const isTwofold =
      (paxName !== undefined && this.#longName !== undefined) ||
      (paxTarget !== undefined && this.#longTarget !== undefined);
    if (isTwofold) throw new Refused('two extended headers name it', name);
    this.#pax = undefined;
    this.#longName = undefined;
    this.#longTarget = undefined;
    this.#last = name;

    const kind = KINDS[header.type ?? ''];
    if (kind === undefined)
      throw new Refused(REFUSED[header.type ?? ''] ?? 'it is neither file, directory nor link', name);
    if (kind === 'file' && name.endsWith('/'))
      throw new Refused('it is a file with the name of a directory', name);
    const size = paxSize ?? sizeOf(header, this.#block);
    if (size === undefined || !Number.isSafeInteger(size) || size < 0)
      throw new Refused('its size is impossible', name);
    if (kind !== 'file' && size !== 0) throw new Refused('it has content, though it is no file', name);
    if (kind === 'file' && target !== '')
      throw new Refused('it has the target of a link, though it is none', name);

    const { path, target: file } = this.#members.add(kind, name, target);
    const executable = ((header.mode ?? 0) & 0o111) !== 0;
    if (path !== '') this.#sink.begin({ kind, name, path, target: file ?? target, size, executable });
    if (kind !== 'file') return;
    if (size === 0) this.#sink.end();
    else this.#body('file', size);
  }
}

/** node-tar takes the size of a directory for 0, whatever its header says; others skip that many bytes. */
function sizeOf(header: Header, block: Buffer): number | undefined {
  if (header.type !== 'Directory') return header.size;
  return /^[0 \0]*$/.test(block.toString('latin1', 124, 136)) ? 0 : undefined;
}

function untilNul(body: Buffer): string {
  const end = body.indexOf(0);
  return body.toString('utf8', 0, end === -1 ? body.length : end);
}

const ZEROS = Buffer.alloc(64 * 1024);

function isZero(piece: Buffer): boolean {
  for (let at = 0; at < piece.length; at += ZEROS.length) {
    const part = piece.subarray(at, at + ZEROS.length);
    if (!part.equals(ZEROS.subarray(0, part.length))) return false;
  }
  return true;
}
