/** One file name for a whole path, as `systemd-escape --path` writes it (systemd.unit(5)). Pure. */
import { sha256 } from '../hash/digest.ts';

/** NAME_MAX of every Linux file system that can hold programs. */
const NAME_MAX = 255;
/** How much of a name that is too long is kept for the reader; `~` and 32 digits follow, and no escape gives a `~`. */
const KEPT = 200;

/**
 * `/home/alice/.lightning` → `home-alice-.lightning`. Slashes become `-`, all bytes but letters, digits, `:`, `_` and
 * `.` (not at the start) become `\xNN`; `/` itself is `-`. What is longer than a file name may be is cut, and a digest
 * of the whole path added.
 */
export function escapePath(path: string): string {
  const parts = path.split('/').filter(part => part !== '');
  if (parts.length === 0) return '-';
  let escaped = '';
  for (const byte of Buffer.from(parts.join('/'))) escaped += escapeByte(byte, escaped === '');
  if (escaped.length <= NAME_MAX) return escaped;
  const digest = Buffer.from(sha256(Buffer.from(path)))
    .toString('hex')
    .slice(0, 32);
  return `${escaped.slice(0, KEPT)}~${digest}`;
}

function escapeByte(byte: number, first: boolean): string {
  const character = String.fromCharCode(byte);
  if (character === '/') return '-';
  if (/[A-Za-z0-9:_]/.test(character) || (character === '.' && !first)) return character;
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}
