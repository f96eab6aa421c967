/**
 * Is a tree of Core Lightning's programs one version? The programs are asked, and the images of those that do not
 * answer are searched. lightningd's own version is the reference (lightningd compares its subdaemons in the same way:
 * lightningd/lightningd.c, test_subdaemons). What lightningd does not name is no part of it, and never a disagreement.
 */
import { basename, dirname, join } from 'node:path';
import { type BriefAnswer, type BriefLimits, runBriefly } from '../../linux/process/brief-program.ts';
import { imageVersion } from './image-version.ts';
import { type NamedPrograms, programsNamedBy } from './named.ts';
import { COMPANIONS } from './subdaemons.ts';

/** What one program says of its version. */
export interface VersionRow {
  readonly path: string;
  /** what it answered, or versions in its image; undefined where nothing was found */
  readonly says: string | undefined;
  readonly by: 'answer' | 'image' | 'nothing';
  /** unknown: it cannot say (websocketd, hsmtool, Rust, scripts), and passes; left over: another's, and no part of it */
  readonly agrees: 'yes' | 'no' | 'unknown' | 'left over';
  /** how what it says was found in its image, and what that is worth */
  readonly how?: string | undefined;
  /** why there is no answer, where one was due */
  readonly reason: string | undefined;
}

/** What a tree says. */
export interface VersionReport {
  /** lightningd's own; undefined where it did not answer */
  readonly reference: string | undefined;
  readonly rows: readonly VersionRow[];
  /** what lightningd said before its version: that a built-in plugin is missing, say */
  readonly log: readonly string[];
}

/** Bounds for one program's answer. */
export const ANSWER_LIMITS: BriefLimits = { ms: 5_000, bytes: 64 * 1024 };

/** A controlled environment, but for where the caller's programs find their libraries. */
function environmentFor(libraryPath: string | undefined): string[] {
  const environment = ['PATH=/usr/bin:/bin', 'LC_ALL=C'];
  return libraryPath === undefined ? environment : [...environment, `LD_LIBRARY_PATH=${libraryPath}`];
}

/**
 * Asks all programs below `directory` at once, and searches the images of the others.
 * @param lightningd its path below the directory
 * @param files the paths below the directory, executables and others
 * @param libraryPath the caller's LD_LIBRARY_PATH
 * @throws HoldfastError `SYSTEM` where an image cannot be read
 */
export async function askVersions(
  directory: string,
  lightningd: string,
  files: readonly string[],
  limits = ANSWER_LIMITS,
  libraryPath?: string,
): Promise<VersionReport> {
  const named = programsNamedBy(join(directory, lightningd));
  const isAsked = (path: string): boolean => path !== lightningd && answers(path, named);
  const asked = files.filter(isAsked);
  const environment = environmentFor(libraryPath);
  const [own, ...others] = await Promise.all(
    [lightningd, ...asked].map(path => runBriefly(join(directory, path), ['--version'], environment, limits)),
  );
  const { version: reference, log } = ownVersion(own);
  if (reference === undefined) {
    const reason = own === undefined ? undefined : why(own);
    const row = { path: lightningd, says: undefined, by: 'nothing', agrees: 'no', reason } as const;
    return { reference, rows: [row], log };
  }
  const lightningdRow = {
    path: lightningd,
    says: reference,
    by: 'answer',
    agrees: 'yes',
    reason: undefined,
  } as const;
  const rows = [
    ...asked.map((path, index) => judgeAnswer(directory, path, others[index]!, reference)),
    ...files
      .filter(path => path !== lightningd && !isAsked(path))
      .flatMap(path => judgeImage(directory, path, reference, undefined) ?? scriptRow(path)),
  ];
  return { reference, rows: [lightningdRow, ...rows.map(row => withoutLeftOver(row, named))], log };
}

/** lightningd's version alone. @returns undefined where it does not answer */
export async function askReference(
  directory: string,
  lightningd: string,
  limits = ANSWER_LIMITS,
  libraryPath?: string,
): Promise<string | undefined> {
  const answer = await runBriefly(
    join(directory, lightningd),
    ['--version'],
    environmentFor(libraryPath),
    limits,
  );
  return ownVersion(answer).version;
}

/** The rows that disagree. */
export function disagreements({ rows }: VersionReport): VersionRow[] {
  return rows.filter(({ agrees }) => agrees === 'no');
}

/** Subdaemons and lightning-cli answer; hsmtool prints its usage, reckless a version of its own, plugins read stdin. */
function answers(path: string, named: NamedPrograms): boolean {
  const name = basename(path);
  return name === 'lightning-cli' || (isSubdaemon(path) && named.isSubdaemon(name));
}

function isSubdaemon(path: string): boolean {
  return basename(path).startsWith('lightning_') && basename(dirname(path)) !== 'plugins';
}

function withoutLeftOver(row: VersionRow, named: NamedPrograms): VersionRow {
  const isLeftOver = isSubdaemon(row.path)
    ? !named.isSubdaemon(basename(row.path))
    : row.agrees === 'no' && !belongs(row.path, named);
  return isLeftOver ? { ...row, agrees: 'left over' } : row;
}

/** A script that is installed beside lightningd is a program of its, and holds no version that could be relied on. */
function scriptRow(path: string): VersionRow[] {
  return isCompanion(path)
    ? [{ path, says: undefined, by: 'nothing', agrees: 'unknown', reason: undefined }]
    : [];
}

function isCompanion(path: string): boolean {
  return COMPANIONS.includes(basename(path)) && !path.includes('/plugins/');
}

/** Is this file lightningd's: installed beside it, or a plugin that it names by the file or its directory? */
export function belongs(path: string, named: NamedPrograms): boolean {
  if (isSubdaemon(path)) return named.isSubdaemon(basename(path));
  const [, below] = /(?:^|\/)plugins\/(.*)$/s.exec(path) ?? [];
  if (below === undefined) return true;
  return [basename(below), ...below.split('/').slice(0, 1)].some(name => named.isPlugin(name));
}

/** Does lightningd do all that it does without this file: none of its programs, or one that operators alone start? */
export function isSpare(path: string, named: NamedPrograms): boolean {
  return !belongs(path, named) || isCompanion(path);
}

function judgeAnswer(directory: string, path: string, answer: BriefAnswer, reference: string): VersionRow {
  const says = firstLine(answer);
  if (says !== undefined) {
    return { path, says, by: 'answer', agrees: says === reference ? 'yes' : 'no', reason: undefined };
  }
  const reason = why(answer);
  if (answer.end === 'not executed') return { path, says: undefined, by: 'nothing', agrees: 'no', reason };
  const row = judgeImage(directory, path, reference, reason);
  if (row === undefined) return { path, says: undefined, by: 'nothing', agrees: 'unknown', reason };
  // an image that the loader, or a signal, has ended: what it holds does not matter, it does not run
  return didNotLoad(answer)
    ? { ...row, agrees: 'no', reason: `it does not run: exit status ${answer.status}` }
    : row;
}

/** ld.so(8) ends a program whose libraries it does not find with 127. */
function didNotLoad({ end, status = 0 }: BriefAnswer): boolean {
  return end === 'exited' && status >= 127;
}

const LINE = /^[\x21-\x7e]{1,200}$/;

/** The first line, where the program ended by itself and said one; what is no clean word is no version. */
function firstLine({ output, end }: BriefAnswer): string | undefined {
  if (end !== 'exited') return undefined;
  const line = output.toString('latin1').split('\n', 1)[0] ?? '';
  return LINE.test(line) ? line : undefined;
}

/** lightningd may print log lines before its version: the version is its last line. */
function ownVersion(answer: BriefAnswer | undefined): { version: string | undefined; log: string[] } {
  if (answer?.end !== 'exited') return { version: undefined, log: [] };
  const lines = answer.output.toString('latin1').replace(/\n$/, '').split('\n');
  const last = lines.pop() ?? '';
  return LINE.test(last) ? { version: last, log: lines } : { version: undefined, log: lines };
}

function why({ end, errno, output }: BriefAnswer): string {
  if (end === 'not executed') return `it could not be executed: ${errno}`;
  if (end === 'exited') return output.length === 0 ? 'it said nothing' : 'it said something else';
  return `it ${end}`;
}

/** undefined: no program whose image could tell. */
function judgeImage(
  directory: string,
  path: string,
  reference: string,
  reason: string | undefined,
): VersionRow | undefined {
  const image = imageVersion(join(directory, path), reference);
  if (image === undefined) return undefined;
  const { says, agrees, how } = image;
  return { path, says, by: says === undefined ? 'nothing' : 'image', agrees, how, reason };
}
