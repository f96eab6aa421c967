/** An installation whose lightningd writes down how it was started, and ends: for command lines and environments. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ageDirectories, makeInstallation } from '../helpers/stand-in.ts';

/** The exit status of that lightningd. */
export const ENDED = 7;

/** Makes it at `<dir>/usr`; what it was started with is read by `started`. */
export function makeRecorder(dir: string) {
  const { lightningd, prefix } = makeInstallation(dir, 'v25.12');
  const [first = '', ...rest] = readFileSync(lightningd, 'latin1').split('\n');
  const record = [
    `if [ "$#" != 1 ] || [ "$1" != --version ]; then`,
    `  /bin/cat /proc/$$/cmdline >'${dir}/cmdline'`,
    `  /bin/cat /proc/$$/environ >'${dir}/environ'`,
    `  exit ${ENDED}`,
    'fi',
  ];
  writeFileSync(lightningd, [first, ...record, ...rest].join('\n'), 'latin1');
  ageDirectories(prefix);
  const strings = (name: string) => readFileSync(join(dir, name), 'latin1').split('\0').slice(0, -1);
  return {
    lightningd,
    /** the words behind lightningd's own name, and the environment, each byte a character */
    started: () => ({ words: strings('cmdline').slice(2), environment: strings('environ') }),
  };
}

/** A word of any bytes, quoted for a shell. */
export const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
