/** Colour for the words by which findings are marked. For a terminal only; the text stays the same without it. Pure. */

/** As the renderings write them: in capitals what is a finding, `warning` what may become one. */
const FINDINGS = /\b(PENDING|ELSEWHERE|OVERWRITTEN IN PLACE|PROBLEM)\b|^ {2}NO\b/gm;
const WARNINGS = /^warning\b/gm;

const RED = '\x1b[1;31m';
const YELLOW = '\x1b[33m';
const PLAIN = '\x1b[0m';

/** The same text with these words in red or yellow. */
export function colour(text: string): string {
  return text
    .replace(FINDINGS, word => `${RED}${word}${PLAIN}`)
    .replace(WARNINGS, word => `${YELLOW}${word}${PLAIN}`);
}
