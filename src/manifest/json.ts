/** Strict text: bytes that are UTF-8, without a mark, and JSON. Pure. */
import { HoldfastError } from '../errors.ts';

/** Reads bytes as JSON. @throws HoldfastError `MANIFEST_INVALID` where they are too many, no UTF-8 or no JSON */
export function readJson(bytes: Uint8Array, most: number, what: string): { text: string; value: unknown } {
  if (bytes.length > most)
    throw new HoldfastError(
      'MANIFEST_INVALID',
      `${what} has ${bytes.length} bytes: at most ${most} are read`,
    );
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new HoldfastError('MANIFEST_INVALID', `${what} is not UTF-8`, { cause });
  }
  try {
    return { text, value: JSON.parse(text) };
  } catch (cause) {
    throw new HoldfastError('MANIFEST_INVALID', `${what} is no JSON`, { cause }); // SyntaxError, or RangeError for depth
  }
}
