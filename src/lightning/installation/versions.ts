/**
 * Is a tree of Core Lightning's programs one version? The programs are asked, and the images of those that do not
 * answer are searched. lightningd's own version is the reference (lightningd compares its subdaemons in the same way:
 * lightningd/lightningd.c, test_subdaemons).
 */
import { closeSync, constants, openSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { systemError } from '../../errors.ts';
import { chunksOf, isElf, loadedRanges } from '../../linux/elf.ts';
import { type BriefAnswer, type BriefLimits, runBriefly } from '../../linux/process/brief-program.ts';

/** What one program says of its version. */
export interface VersionRow {
  readonly path: string;
  /** the first line of `--version`, or a version in its image; undefined where nothing was found */
  readonly says: string | undefined;
  readonly by: 'answer' | 'image' | 'nothing';
  /** unknown: it cannot say (websocketd, hsmtool, Rust, scripts), and passes */
  readonly agrees: 'yes' | 'no' | 'unknown';
  /** why there is no answer, where one was due */
  readonly reason: string | undefined;
}

/** What a tree says. */
export interface VersionReport {
  /** lightningd's own; undefined where it did not answer */
  readonly reference: string | undefined;
  readonly rows: readonly VersionRow[];
}

/** Bounds for one program's answer. */
export const ANSWER_LIMITS: BriefLimits = { ms: 5_000, bytes: 64 * 1024 };

/** A controlled environment: no program's answer depends on the caller's. */
const ENVIRONMENT = ['PATH=/usr/bin:/bin', 'LC_ALL=C'];

/**
 * Asks all programs below `directory` at once, and searches the images of the others.
 * @param lightningd its path below the directory
 * @param files the paths below the directory, executables and others
 * @throws HoldfastError `SYSTEM` where an image cannot be read
 */
export async function askVersions(
  directory: string,
  lightningd: string,
  files: readonly string[],
  limits = ANSWER_LIMITS,
): Promise<VersionReport> {
  const asked = files.filter(path => path !== lightningd && answers(path));
  const [own, ...others] = await Promise.all(
    [lightningd, ...asked].map(path => runBriefly(join(directory, path), ['--version'], ENVIRONMENT, limits)),
  );
  const reference = own === undefined ? undefined : firstLine(own);
  const first: VersionRow = {
    path: lightningd,
    says: reference,
    by: reference === undefined ? 'nothing' : 'answer',
    agrees: reference === undefined ? 'no' : 'yes',
    reason: own === undefined || reference !== undefined ? undefined : why(own),
  };
  if (reference === undefined) return { reference, rows: [first] };
  const answered = asked.map((path, index) => judgeAnswer(directory, path, others[index]!, reference));
  const plugins = files.filter(isPlugin).map(path => judgeImage(directory, path, reference, undefined));
  return { reference, rows: [first, ...answered, ...plugins] };
}

/** lightningd's version alone. @returns undefined where it does not answer */
export async function askReference(
  directory: string,
  lightningd: string,
  limits = ANSWER_LIMITS,
): Promise<string | undefined> {
  return firstLine(await runBriefly(join(directory, lightningd), ['--version'], ENVIRONMENT, limits));
}

/** The rows that disagree. */
export function disagreements({ rows }: VersionReport): VersionRow[] {
  return rows.filter(({ agrees }) => agrees === 'no');
}

/** Subdaemons and lightning-cli answer; hsmtool prints its usage, reckless a version of its own, plugins read stdin. */
function answers(path: string): boolean {
  const name = basename(path);
  return name === 'lightning-cli' || (name.startsWith('lightning_') && !isPlugin(path));
}

function isPlugin(path: string): boolean {
  return basename(dirname(path)) === 'plugins';
}

function judgeAnswer(directory: string, path: string, answer: BriefAnswer, reference: string): VersionRow {
  const says = firstLine(answer);
  if (says === undefined || !/^v?\d|-/.test(says)) return judgeImage(directory, path, reference, why(answer));
  return { path, says, by: 'answer', agrees: says === reference ? 'yes' : 'no', reason: undefined };
}

/** The first line, where the program ended by itself and said one; what is no clean line of text is no version. */
function firstLine({ output, end }: BriefAnswer): string | undefined {
  if (end !== 'exited') return undefined;
  const line = output.toString('latin1').split('\n', 1)[0] ?? '';
  return /^[\x21-\x7e]{1,200}$/.test(line) ? line : undefined;
}

function why({ end, errno, output }: BriefAnswer): string {
  if (end === 'not executed') return `it could not be executed: ${errno}`;
  if (end === 'exited') return output.length === 0 ? 'it said nothing' : 'it said something else';
  return `it ${end}`;
}

/** NUL-terminated, as a C string in the image is. */
const OTHER_VERSION = /v\d\d\.\d\d[\x21-\x7e]{0,60}\0/;
const OVERLAP = 256;

/** Only the reference tells anything: a plugin's other version strings are the bounds of its deprecations. */
function judgeImage(
  directory: string,
  path: string,
  reference: string,
  reason: string | undefined,
): VersionRow {
  const full = join(directory, path);
  let fd: number | undefined;
  try {
    fd = openSync(full, constants.O_RDONLY | constants.O_NONBLOCK); // followed: a pinned program is a symbolic link
    if (!isElf(fd)) return { path, says: undefined, by: 'nothing', agrees: 'unknown', reason };
    const needle = Buffer.from(`${reference}\0`);
    const parts = loadedRanges(fd);
    for (const ranges of parts) {
      for (const chunk of chunksOf(fd, ranges, OVERLAP)) {
        if (chunk.includes(needle)) return { path, says: reference, by: 'image', agrees: 'yes', reason };
      }
    }
    for (const chunk of chunksOf(fd, parts.at(-1) ?? [], OVERLAP)) {
      const other = OTHER_VERSION.exec(chunk.toString('latin1'))?.[0].slice(0, -1);
      if (other !== undefined) return { path, says: other, by: 'image', agrees: 'no', reason };
    }
    return { path, says: undefined, by: 'nothing', agrees: 'unknown', reason };
  } catch (error) {
    throw systemError('read', full, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
