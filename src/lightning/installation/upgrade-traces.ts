/**
 * Traces of an upgrade that is under way, cheap to see: a package manager's temporary names, programs that are empty or
 * cannot be executed, directories that changed a moment ago. Never waits for a package manager's lock: a postinst that
 * restarts the service holds it. Only looks.
 */
import { readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { errnoOf, quote, systemError } from '../../errors.ts';
import type { Contents, SourceFile } from './contents.ts';

/** Something that is there only while files are being replaced. */
export interface UpgradeTrace {
  readonly path: string;
  readonly reason: string;
  /** ms until time alone will have removed it; undefined where somebody has to act */
  readonly passesInMs: number | undefined;
}

/**
 * dpkg writes `X.dpkg-new` and keeps `X.dpkg-tmp` until it is done (dpkg's archives.c); rpm writes `X;HHHHHHHH`.
 * What stays (.dpkg-old, .dpkg-dist, .pacnew, .rpmnew) is no trace. pacman and portage rename from elsewhere.
 */
const TEMPORARY = /(\.dpkg-(new|tmp)|;[0-9a-fA-F]{8})$/;

/** A directory that changed less than this ago may be in the middle of more, ns. */
const YOUNG_NS = 2_000_000_000n;

/** The traces in an installation, worst first. @param now ns since the epoch, as file systems stamp */
export function findUpgradeTraces(
  contents: Contents,
  programs: readonly string[],
  now: bigint,
): UpgradeTrace[] {
  return [
    ...temporaryNames(contents, programs),
    ...contents.files.filter(file => isProgram(file, programs)).flatMap(brokenProgram),
    ...youngDirectories(contents, now),
  ];
}

function temporaryNames({ files, directories }: Contents, programs: readonly string[]): UpgradeTrace[] {
  const inTrees = files.filter(({ path }) => TEMPORARY.test(path)).map(({ source }) => source);
  // bin holds much that is not ours
  const ours = programs.map(path => basename(path));
  const bins = new Set(
    files.filter(({ path }) => programs.includes(path)).map(({ source }) => dirname(source)),
  );
  const besidePrograms = directories
    .filter(({ path }) => bins.has(path))
    .flatMap(({ path }) =>
      namesIn(path)
        .filter(name => TEMPORARY.test(name) && ours.includes(name.replace(TEMPORARY, '')))
        .map(name => `${path}/${name}`),
    );
  return [...new Set([...inTrees, ...besidePrograms])].map(path => ({
    path,
    reason: `${quote(path)} is a package manager's temporary file`,
    passesInMs: undefined,
  }));
}

/** What lightningd executes: the programs in bin, the subdaemons, what lies directly in a plugin directory. */
function isProgram({ path }: SourceFile, programs: readonly string[]): boolean {
  return (
    programs.includes(path) ||
    basename(path).startsWith('lightning_') ||
    basename(dirname(path)) === 'plugins'
  );
}

function brokenProgram({ path, source, stat }: SourceFile): UpgradeTrace[] {
  const trace = (reason: string): UpgradeTrace[] => [
    { path: source, reason: `${quote(source)} ${reason}`, passesInMs: undefined },
  ];
  if (stat.size === 0n) return trace('is empty');
  if ((stat.mode & 0o111n) !== 0n) return [];
  // beside plugins there may be files that are none; install(1) fills a file that it has made 0600
  if (basename(dirname(path)) === 'plugins' && (stat.mode & 0o777n) !== 0o600n) return [];
  return trace('cannot be executed');
}

function youngDirectories({ directories }: Contents, now: bigint): UpgradeTrace[] {
  return directories.flatMap(({ path, stat }) => {
    const age = now - stat.mtimeNs;
    if (age < 0n || age >= YOUNG_NS) return []; // a future one counts as old: boards without a clock
    return [
      {
        path,
        reason: `${quote(path)} changed less than two seconds ago`,
        passesInMs: Number((YOUNG_NS - age) / 1_000_000n) + 1,
      },
    ];
  });
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []; // it went since it was listed: the build will notice
    throw systemError('list', path, error);
  }
}
