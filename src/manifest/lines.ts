/**
 * The lines of a canonical manifest, checked before the text is parsed as JSON: 64 MiB of nothing but brackets would
 * make JSON.parse take 2 GB and 24 s, or abort Node where the heap is smaller (measured). Pure.
 */
import { HoldfastError } from '../errors.ts';
import { invalid } from './entry.ts';

const HEAD = ['{', '  "format": ', '  "root": ', '  "version": ', '  "files": ['];
const ENTRY = ['    {', '      "path": ', '      "mode": ', '      "size": ', '      "sha256": ', '    }'];
const END = '  ]\n}\n';

/**
 * Each line begins as its place demands and holds one value at most, so that what JSON.parse makes of them is bounded
 * by their number. What the values are, it does not ask. A manifest without files has no such lines, nor need of them.
 * @throws HoldfastError `MANIFEST_INVALID` that names the line
 */
export function checkLines(text: string): void {
  let start = 0;
  for (let number = 0; ; number += 1) {
    const place = (number - HEAD.length) % ENTRY.length; // negative in the head
    if (place === 0 && number > HEAD.length && text.startsWith(END, start)) {
      if (text.length === start + END.length) return;
      throw new HoldfastError('MANIFEST_INVALID', 'the manifest goes on after its end');
    }
    const expected = HEAD[number] ?? ENTRY[place] ?? ''; // one of both has it
    const end = text.indexOf('\n', start);
    const line = text.slice(start, end < 0 ? undefined : end);
    if (!line.startsWith(expected) || !isRest(line.slice(expected.length), expected.endsWith(' ')))
      throw invalid(
        `line ${number + 1} of the manifest`,
        `${expected.trim()}${expected.endsWith(' ') ? ' and one value' : ''}`,
        line,
      );
    if (end < 0) throw new HoldfastError('MANIFEST_INVALID', `the manifest ends in its line ${number + 1}`);
    start = end + 1;
  }
}

/** What may follow: a comma; before it one string or number, where one is due. */
function isRest(rest: string, due: boolean): boolean {
  const value = rest.endsWith(',') ? rest.slice(0, -1) : rest;
  if (!due) return value === '';
  if (!/^["0-9]/.test(value)) return false;
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false; // more than one value, or none
  }
}
