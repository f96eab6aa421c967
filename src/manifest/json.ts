/** Strict text: bytes that are UTF-8, without a mark, and JSON. Pure. */
import { HoldfastError } from '../errors.ts';

/** Reads bytes as text. @throws HoldfastError `MANIFEST_INVALID` where they are too many or no UTF-8 */
export function readText(bytes: Uint8Array, most: number, what: string): string {
  if (bytes.length > most)
    throw new HoldfastError(
      'MANIFEST_INVALID',
      `${what} has ${bytes.length} bytes: at most ${most} are read`,
    );
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new HoldfastError('MANIFEST_INVALID', `${what} is not UTF-8`, { cause });
  }
}

/** Reads text as JSON. @throws HoldfastError `MANIFEST_INVALID` where it is none */
export function readJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HoldfastError('MANIFEST_INVALID', `${what} is no JSON`, { cause }); // SyntaxError, or RangeError for depth
  }
}
