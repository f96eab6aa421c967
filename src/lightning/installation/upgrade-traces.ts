/**
 * Traces of an upgrade that is under way, or that stopped half-way, cheap to see: a package manager's temporary names,
 * programs that are not whole, directories that changed a moment ago. Never waits for a package manager's lock: a
 * postinst that restarts the service holds it. Only looks.
 */
import { quote } from '../../errors.ts';
import { packageState } from '../packages/record.ts';
import { lookForBroken } from './broken-programs.ts';
import type { Contents } from './contents.ts';
import { programsNamedBy } from './named.ts';
import { SUBDAEMONS } from './subdaemons.ts';
import { lookForTemporaries } from './temporary-files.ts';
import type { Look, UpgradeTrace } from './trace.ts';

/** A directory that changed less than this ago may be in the middle of more, ns. */
const YOUNG_NS = 2_000_000_000n;

/**
 * The traces in an installation, worst first.
 * @param programs the installation's programs in bin, lightningd first
 * @param now ns since the epoch, as file systems stamp
 */
export function findUpgradeTraces(contents: Contents, programs: readonly string[], now: bigint): Look {
  const lightningd = contents.files.find(({ path }) => path === programs[0]);
  if (lightningd === undefined) return { traces: [], warnings: [] }; // never: it was listed
  const { source } = lightningd;
  const looks = [
    lookForTemporaries(contents, programs, now),
    lookForBroken(contents, programs, programsNamedBy(source)),
  ];
  const own = contents.directories.filter(({ path }) => !contents.shared.includes(path));
  const [changedNs = 0n] = own.map(({ stat }) => stat.mtimeNs).sort((a, b) => (a > b ? -1 : 1));
  const young = youngDirectories(own, now);
  const record = packageState({
    lightningd: source,
    programs: SUBDAEMONS,
    directories: own.map(({ path }) => path),
    changedNs,
    isYoung: young.length > 0,
  });
  const traces = looks.flatMap(look => look.traces);
  if (record?.state === 'unfinished') {
    traces.unshift({ path: record.path, reason: record.reason, passesInMs: undefined });
  }
  // what the package manager's own record says to be done need not be waited for
  if (record?.state !== 'unpacked') traces.push(...young);
  return {
    traces,
    warnings: looks.flatMap(({ warnings }) => warnings),
    ...(record?.state === 'unfinished' && { complete: record.complete }),
  };
}

function youngDirectories(directories: Contents['directories'], now: bigint): UpgradeTrace[] {
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
