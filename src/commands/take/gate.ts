/**
 * The gate: refuses an installation that is half-way through an upgrade. Here what Core Lightning's side sees is turned
 * into what a snapshot waits for, and what the operator should know of one that passes.
 */

import { HoldfastError, quote, typed } from '../../errors.ts';
import { missingPluginWarning } from '../../lightning/installation/broken-programs.ts';
import type { Contents } from '../../lightning/installation/contents.ts';
import type { Installation } from '../../lightning/installation/installation.ts';
import type { Look } from '../../lightning/installation/trace.ts';
import { findUpgradeTraces } from '../../lightning/installation/upgrade-traces.ts';
import {
  askReference,
  askVersions,
  disagreements,
  type VersionReport,
  type VersionRow,
} from '../../lightning/installation/versions.ts';
import { isScript } from '../../linux/script.ts';
import { nowNs } from '../../linux/time.ts';
import type { Listing, Unsettled, Versions } from '../../snapshot/take/source.ts';

/** How many lines of a table an operator reads. */
const MOST_LINES = 40;

/** Nothing has moved in an installation for so long: whoever was at it has stopped, ns. */
const STILL_NS = 60_000_000_000n;

/** The cheap look at the sources: what an upgrade leaves, or else what is odd. @param now ns since the epoch */
export function lookForUpgrade(
  installation: Installation,
  contents: Contents,
  now: bigint,
): Unsettled | Pick<Look, 'warnings'> {
  const { traces, warnings, complete } = findUpgradeTraces(contents, installation.programs, now);
  const [worst] = traces;
  if (worst === undefined) return { warnings: [...contents.leftOut, ...warnings] };
  const waits = traces.map(({ passesInMs }) => passesInMs);
  const retryInMs = waits.some(ms => ms === undefined) ? undefined : Math.max(...waits.map(ms => ms ?? 0));
  const { words, hint } = stateOf(contents, now, complete);
  const unsettled = new HoldfastError('GATE', `${words}: ${worst.reason}`, {
    path: worst.path,
    details: traces.length === 1 ? [] : traces.slice(0, MOST_LINES).map(({ reason }) => reason),
    hint,
  });
  return { unsettled, retryInMs };
}

/** Asks the programs below `directory`; with `gate` false lightningd alone, for the manifest's version. */
export async function askGate(
  directory: string,
  listing: Listing,
  gate: boolean,
): Promise<Versions | Unsettled> {
  const { program, files, libraryPath } = listing;
  if (!gate) {
    const version = await askReference(directory, program, undefined, libraryPath);
    return { version: version ?? 'unknown', answers: null };
  }
  const programs = files.filter(({ stat }) => (stat.mode & 0o111n) !== 0n).map(({ path }) => path);
  const report = await askVersions(directory, program, programs, undefined, libraryPath);
  const { reference, rows } = report;
  const disagreeing = disagreements(report);
  if (reference !== undefined && disagreeing.length === 0) {
    const answers = rows.map(({ path, says, agrees }) => ({
      path,
      says: agrees === 'yes' ? says : undefined,
    }));
    return { version: reference, answers, warnings: warningsOf(report, listing) };
  }
  const message =
    reference === undefined
      ? `${quote(program)} does not say its version: ${disagreeing[0]?.reason}`
      : `the installation is not one version: lightningd is ${reference}, ${disagreeing.length} of ${rows.length} programs are not`;
  const hint =
    reference === undefined && isScript(`${directory}/${program}`)
      ? 'it is a script, and what it executes beside itself is not in a snapshot: name that lightningd in its place'
      : stateOf(listing, nowNs()).hint;
  return {
    unsettled: new HoldfastError('GATE', message, {
      path: program,
      details: table(rows),
      hint: [hint, '--no-gate takes it as it is'],
    }),
  };
}

/** Is somebody at it still? What there is to be done differs. */
function stateOf(
  { directories }: Pick<Contents, 'directories'>,
  now: bigint,
  complete = 'apt-get --fix-broken install, dnf reinstall PACKAGE, pacman -S PACKAGE, or make install once more',
): { words: string; hint: string } {
  const isStill = directories.every(({ stat }) => now - stat.mtimeNs >= STILL_NS || stat.mtimeNs > now);
  if (!isStill) {
    return {
      words: 'an upgrade seems to be under way',
      hint: 'wait until the upgrade is complete, then try again; --settle=SECONDS says how long to wait',
    };
  }
  return {
    words: 'an upgrade has stopped half-way',
    hint: `complete it with what began it: ${complete}`,
  };
}

/** What is worth saying of an installation that passes. */
function warningsOf({ reference, rows, log }: VersionReport, listing: Listing): string[] {
  const sourceOf = new Map(listing.files.map(({ path, source }) => [path, source]));
  const said = new Set(listing.warnings);
  const plugins = log.flatMap(line => /failed to register plugin \S*?([^/\s]+)$/.exec(line)?.[1] ?? []);
  // where a subdaemon is a link to a file beside it, that file is no left-over under whatever name (lightning_hsmd-25)
  const used = new Set(
    rows.flatMap(({ path, agrees }) => (agrees === 'left over' ? [] : sourceOf.get(path))),
  );
  const leftOver = rows
    .filter(({ agrees, path }) => agrees === 'left over' && !used.has(sourceOf.get(path)))
    .map(({ path, says }) => {
      const source = sourceOf.get(path) ?? path;
      const version = says === undefined || says.includes(',') ? '' : ` (${says})`; // bounds say nothing
      return `${quote(source)} is left over from another release${version}: lightningd does not name it; rm -- ${typed(source)}`;
    });
  return [
    ...plugins.map(missingPluginWarning).filter(line => !said.has(line)),
    ...leftOver,
    ...unclearWarning(reference, unclearRows(rows, listing)),
  ];
}

/** Files of one build come within so long of each other, ns. */
const ONE_BUILD_NS = 86_400_000_000_000n;

/**
 * Those whose strings cannot tell, unless they are as old as a program by image that is surely of the reference: files of
 * one release are of one build.
 */
function unclearRows(rows: readonly VersionRow[], { files }: Listing): string[] {
  const mtimes = new Map(files.map(({ path, stat }) => [path, stat.mtimeNs]));
  const mtimeOf = ({ path }: VersionRow): bigint => mtimes.get(path) ?? 0n;
  const sure = rows.filter(({ agrees, by }) => agrees === 'yes' && by === 'image').map(mtimeOf);
  const isOfTheirBuild = (mtime: bigint) =>
    sure.some(other => mtime - other < ONE_BUILD_NS && other - mtime < ONE_BUILD_NS);
  return rows
    .filter(row => row.agrees === 'unknown' && row.says !== undefined && !isOfTheirBuild(mtimeOf(row)))
    .map(({ path }) => path);
}

function unclearWarning(reference: string | undefined, paths: readonly string[]): string[] {
  if (paths.length === 0) return [];
  const more = paths.length > 3 ? ` and ${paths.length - 3} more` : '';
  return [
    `the release of ${paths.slice(0, 3).join(', ')}${more} is unknown: ${reference} stands in their images, where it may be their own or a bound`,
  ];
}

/** Who says what, those that disagree first. */
function table(rows: readonly VersionRow[]): string[] {
  const order = { no: 0, yes: 1, unknown: 2, 'left over': 3 } as const;
  const words = { no: 'DIFFERS', yes: 'agrees', unknown: 'unknown', 'left over': 'left over' } as const;
  const sorted = [...rows].sort((a, b) => order[a.agrees] - order[b.agrees]).slice(0, MOST_LINES);
  const width = Math.max(...sorted.map(({ path }) => path.length));
  return sorted.map(({ path, says, by, agrees, how, reason }) => {
    const found = by === 'answer' ? 'it answered' : (how ?? 'no version was found');
    const columns = [path.padEnd(width), words[agrees].padEnd(9), `${says ?? '-'} (${found})`];
    return `${columns.join('  ')}${reason === undefined ? '' : `: ${reason}`}`;
  });
}
