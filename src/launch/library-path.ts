/**
 * LD_LIBRARY_PATH in an environment block, by which lightningd and all that it starts find held libraries. Every other
 * byte of the block stays as the caller had it. Pure.
 */

const NAME = Buffer.from('LD_LIBRARY_PATH=');

/**
 * Puts a directory before the caller's own; where he had none, the variable comes last. Of several (the loader takes the
 * last, getenv(3) the first) each gets it.
 * @param strings NAME=VALUE, without the NULs
 */
export function withLibraryPath(strings: readonly Buffer[], directory: string): Buffer[] {
  const first = Buffer.concat([NAME, Buffer.from(directory)]);
  const isOne = (string: Buffer) => string.subarray(0, NAME.length).equals(NAME);
  if (!strings.some(isOne)) return [...strings, first];
  return strings.map(string => {
    if (!isOne(string)) return string;
    const own = string.subarray(NAME.length);
    // an empty list is none, but an empty item would be the working directory (ld.so(8))
    return own.length === 0 ? first : Buffer.concat([first, Buffer.from(':'), own]);
  });
}
