/**
 * Paths and words as Linux has them: bytes, not text. A `ByteString` holds one byte a character (latin1), so that
 * names that are not UTF-8 survive being split, compared and joined. Pure; what leaves src/lightning is decoded.
 */
import { isUtf8 } from 'node:buffer';

/** A string with one byte a character, each 0 to 255. Never print one: decode it first. */
export type ByteString = string;

/** The bytes of `text` in UTF-8, or of a Buffer as they are. */
export function byteString(text: string | Buffer): ByteString {
  return (typeof text === 'string' ? Buffer.from(text) : text).toString('latin1');
}

/** The bytes, for a system call. */
export function bytesOf(text: ByteString): Buffer {
  return Buffer.from(text, 'latin1');
}

/** The text that the bytes are in UTF-8, or undefined when they are none. */
export function decode(text: ByteString): string | undefined {
  const bytes = bytesOf(text);
  return isUtf8(bytes) ? bytes.toString() : undefined;
}

/** For messages, and for what is only shown: bytes that are no UTF-8 are written as `\xHH`. */
export function decodeForDisplay(text: ByteString): string {
  return (
    decode(text) ?? text.replace(/[^\x20-\x7e]/g, c => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
  );
}

/** `name` below `base`, or `name` itself when it is absolute: path_join() of ccan/tal/path. Resolves nothing. */
export function joinPath(base: string, name: string): string {
  if (name.startsWith('/')) return name;
  return base === '' || base.endsWith('/') ? base + name : `${base}/${name}`;
}
