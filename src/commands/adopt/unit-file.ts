/**
 * What a unit file of systemd says in its [Service] section, as far as a drop-in needs it: the assignments in order, each
 * with its value as it is written. Follows config_parse() of systemd's src/shared/conf-parser.c. Pure.
 */

/** One assignment. */
export interface Assignment {
  readonly name: string;
  /** as written, continuation lines joined; specifiers, quotes and variables as they are */
  readonly value: string;
}

/**
 * The assignments of one section. Lines are trimmed at their beginnings; a line that ends with a backslash goes on in
 * the next, a blank in between; comments do not end it. What is no assignment is passed over, as systemd does with a
 * warning.
 */
export function readSection(text: string, section = 'Service'): Assignment[] {
  const assignments: Assignment[] = [];
  let isOurs = false;
  for (const line of logicalLines(text)) {
    const heading = /^\[(.*)\]$/.exec(line.trim());
    if (heading !== null) {
      isOurs = heading[1] === section;
      continue;
    }
    const at = line.indexOf('=');
    if (!isOurs || at <= 0) continue;
    assignments.push({ name: line.slice(0, at).trim(), value: line.slice(at + 1).trim() });
  }
  return assignments;
}

function logicalLines(text: string): string[] {
  const lines: string[] = [];
  let begun = '';
  for (const physical of text.replace(/^\ufeff/, '').split(/\r?\n/)) {
    const line = physical.replace(/^[ \t]+/, '');
    if (/^[#;]/.test(line)) continue; // also between the lines of a value (systemd.syntax(7))
    if (/(?<!\\)(\\\\)*\\$/.test(line)) {
      begun += `${line.slice(0, -1)} `;
      continue;
    }
    if (begun + line !== '') lines.push(begun + line);
    begun = '';
  }
  if (begun !== '') lines.push(begun);
  return lines;
}

/** The values of a setting that is a list: an empty assignment takes back all that came before (systemd.service(5)). */
export function valuesOf(assignments: readonly Assignment[], name: string): string[] {
  let values: string[] = [];
  for (const { name: found, value } of assignments) {
    if (found !== name) continue;
    values = value === '' ? [] : [...values, value];
  }
  return values;
}
