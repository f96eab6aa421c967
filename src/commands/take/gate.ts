/**
 * The gate: refuses an installation that is half-way through an upgrade. Here what Core Lightning's side sees is turned
 * into what a snapshot waits for.
 */
import { HoldfastError, quote } from '../../errors.ts';
import type { Contents } from '../../lightning/installation/contents.ts';
import type { Installation } from '../../lightning/installation/installation.ts';
import { findUpgradeTraces } from '../../lightning/installation/upgrade-traces.ts';
import {
  askReference,
  askVersions,
  disagreements,
  type VersionRow,
} from '../../lightning/installation/versions.ts';
import type { Listing, Unsettled, Versions } from '../../snapshot/take/source.ts';

const HINT = 'wait until the upgrade is complete, then try again; --settle=SECONDS says how long to wait';

/** How many lines of a table an operator reads. */
const MOST_LINES = 40;

/** The cheap look at the sources; undefined: no trace of an upgrade. @param now ns since the epoch */
export function lookForUpgrade(
  installation: Installation,
  contents: Contents,
  now: bigint,
): Unsettled | undefined {
  const traces = findUpgradeTraces(contents, installation.programs, now);
  const [worst] = traces;
  if (worst === undefined) return undefined;
  const waits = traces.map(({ passesInMs }) => passesInMs);
  const retryInMs = waits.some(ms => ms === undefined) ? undefined : Math.max(...waits.map(ms => ms ?? 0));
  const unsettled = new HoldfastError('GATE', `an upgrade seems to be under way: ${worst.reason}`, {
    path: worst.path,
    details: traces.length === 1 ? [] : traces.slice(0, MOST_LINES).map(({ reason }) => reason),
    hint: HINT,
  });
  return { unsettled, retryInMs };
}

/** Asks the programs below `directory`; with `gate` false lightningd alone, for the manifest's version. */
export async function askGate(
  directory: string,
  listing: Listing,
  gate: boolean,
): Promise<Versions | Unsettled> {
  if (!gate) return { version: (await askReference(directory, listing.program)) ?? 'unknown', answers: null };
  const report = await askVersions(
    directory,
    listing.program,
    listing.files.map(({ path }) => path),
  );
  const { reference, rows } = report;
  const disagreeing = disagreements(report);
  if (reference !== undefined && disagreeing.length === 0) {
    return { version: reference, answers: rows.map(({ path, says }) => ({ path, says })) };
  }
  const message =
    reference === undefined
      ? `${quote(listing.program)} does not say its version: ${disagreeing[0]?.reason}`
      : `the installation is not one version: lightningd is ${reference}, ${disagreeing.length} of ${rows.length} programs are not`;
  return {
    unsettled: new HoldfastError('GATE', message, {
      path: listing.program,
      details: table(rows),
      hint: [HINT, '--no-gate takes it as it is'],
    }),
  };
}

/** Who says what, those that disagree first. */
function table(rows: readonly VersionRow[]): string[] {
  const order = { no: 0, yes: 1, unknown: 2 } as const;
  const sorted = [...rows].sort((a, b) => order[a.agrees] - order[b.agrees]).slice(0, MOST_LINES);
  const width = Math.max(...sorted.map(({ path }) => path.length));
  return sorted.map(({ path, says, by, agrees, reason }) => {
    const word = { yes: 'agrees', no: 'DIFFERS', unknown: 'cannot say' }[agrees];
    const source = by === 'image' ? ' (in its image)' : '';
    return `${path.padEnd(width)}  ${word.padEnd(10)}  ${says ?? '-'}${source}${reason === undefined ? '' : `: ${reason}`}`;
  });
}
