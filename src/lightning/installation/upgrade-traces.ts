/**
 * Traces of an upgrade that is under way, or that stopped half-way, cheap to see: a package manager's temporary names,
 * programs that are not whole, directories that changed a moment ago. Never waits for a package manager's lock: a
 * postinst that restarts the service holds it. Only looks.
 */
import { quote } from '../../errors.ts';
import { lookForBroken } from './broken-programs.ts';
import type { Contents } from './contents.ts';
import { programsNamedBy } from './named.ts';
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
  const looks = [lookForTemporaries(contents, programs, now)];
  if (lightningd !== undefined)
    looks.push(lookForBroken(contents, programs, programsNamedBy(lightningd.source)));
  return {
    traces: [...looks.flatMap(({ traces }) => traces), ...youngDirectories(contents, now)],
    warnings: looks.flatMap(({ warnings }) => warnings),
  };
}

function youngDirectories({ directories, shared }: Contents, now: bigint): UpgradeTrace[] {
  return directories.flatMap(({ path, stat }) => {
    if (shared.includes(path)) return [];
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
