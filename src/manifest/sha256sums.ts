/**
 * SHA256SUMS: the digests of a manifest as `sha256sum -c` reads them. A name with a newline, a carriage return or a
 * backslash is escaped, and the line begins with a backslash (coreutils, src/digest.c). Pure.
 */
import { HoldfastError } from '../errors.ts';
import type { ManifestFile } from './entry.ts';

const ESCAPES = { '\\': '\\\\', '\n': '\\n', '\r': '\\r' } as const;
const LETTERS = { '\\': '\\', n: '\n', r: '\r' } as const;

/** One line a file, in the order given. */
export function formatSha256sums(files: readonly ManifestFile[]): string {
  return files
    .map(({ path, sha256 }) => {
      const escaped = path.replace(/[\\\n\r]/g, c => ESCAPES[c as keyof typeof ESCAPES]);
      return `${escaped === path ? '' : '\\'}${sha256}  ${escaped}\n`;
    })
    .join('');
}

/** Digests by path. @throws HoldfastError `MANIFEST_INVALID` that names the line */
export function parseSha256sums(text: string): Map<string, string> {
  const digests = new Map<string, string>();
  if (text !== '' && !text.endsWith('\n'))
    throw new HoldfastError('MANIFEST_INVALID', 'SHA256SUMS does not end with a newline');
  // not split: 64 MiB of newlines would be as many strings
  for (let start = 0, number = 1; start < text.length; number += 1) {
    const end = text.indexOf('\n', start);
    const line = text.slice(start, end);
    start = end + 1;
    const [opening, escaped, sha256] = /^(\\?)([0-9a-f]{64}) [ *]/.exec(line) ?? [];
    const name = line.slice(opening?.length ?? line.length);
    const path = escaped === '' ? name : unescaped(name);
    if (sha256 === undefined || path === undefined || path === '' || digests.has(path)) {
      throw new HoldfastError(
        'MANIFEST_INVALID',
        `line ${number} of SHA256SUMS is no digest and name, or names a file twice`,
      );
    }
    digests.set(path, sha256);
  }
  return digests;
}

/**
 * The name that was escaped, or undefined where an escape is none of coreutils'. One replace, a match at a time: a
 * pattern that repeats over a whole name of 10 MB overflows the stack of V8's regular expressions (measured).
 */
function unescaped(name: string): string | undefined {
  let valid = true;
  const path = name.replace(/\\(.?)/gs, (_, letter: string) => {
    valid &&= Object.hasOwn(LETTERS, letter);
    return LETTERS[letter as keyof typeof LETTERS];
  });
  return valid ? path : undefined;
}
