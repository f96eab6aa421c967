/** What kind of archive a file is, by its content and never by its name. Pure. */

/** The kinds that are read: a tar archive as it is, or compressed. */
export type ArchiveFormat = 'tar' | 'gzip' | 'xz' | 'zstd';

/** How much of a file tells its kind, bytes: one tar header. */
export const HEAD_BYTES = 512;

/** The compressors' magic bytes: RFC 1952 section 2.3.1, the xz file format 2.1.1.1, RFC 8878 section 3.1.1. */
const MAGIC = {
  gzip: Buffer.from([0x1f, 0x8b, 0x08]),
  xz: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]),
  zstd: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
} as const;

const CHECKSUM_AT = 148;
const CHECKSUM_BYTES = 8;

/** The kind of archive that begins with `head`, undefined where it is none. */
export function archiveFormat(head: Buffer): ArchiveFormat | undefined {
  for (const format of ['gzip', 'xz', 'zstd'] as const) {
    if (head.subarray(0, MAGIC[format].length).equals(MAGIC[format])) return format;
  }
  return head.length >= HEAD_BYTES && hasChecksum(head) ? 'tar' : undefined;
}

/** Is this a tar header? By its checksum, which those have that came before the magic `ustar` (tar(5)) too. */
function hasChecksum(head: Buffer): boolean {
  const field = head.toString('latin1', CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_BYTES);
  const [, digits] = /^ *([0-7]{1,7})[ \0]/.exec(field) ?? [];
  if (digits === undefined) return false;
  let sum = 0;
  for (let at = 0; at < HEAD_BYTES; at++) {
    const isField = at >= CHECKSUM_AT && at < CHECKSUM_AT + CHECKSUM_BYTES;
    sum += isField ? 0x20 : head[at]!; // below the length
  }
  return sum === Number.parseInt(digits, 8);
}
