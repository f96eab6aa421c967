/** What holdfast needs of the place that a node runs in: the installation, the store and its room. Only looks. */
import { dirname } from 'node:path';
import { HoldfastError, quote } from '../../errors.ts';
import { locateLightningd } from '../../lightning/installation/locate.ts';
import type { Context } from '../context.ts';
import type { DirectoryReport, NoexecReport } from '../noexec/report.ts';
import { asUser, foreignOwner } from '../take/foreign-owner.ts';
import { type DoctorFinding, ok, problem, warning } from './report.ts';

/** Which holdfast and which lightningd does a shell find? */
export function checkPath(holdfast: string, { environment, cwd, self }: Context): DoctorFinding {
  const found = locate(environment.PATH, cwd, self);
  const isInPath = environment.PATH?.split(':').includes(dirname(self)) === true;
  const here =
    holdfast === self && !isInPath
      ? `holdfast is ${self}, which no directory of PATH leads to`
      : `holdfast is ${holdfast}`;
  return found instanceof HoldfastError
    ? warning(`${here}; ${found.message}`, 'name lightningd with its path: holdfast run /path/to/lightningd')
    : ok(`${here}; lightningd is ${found}`);
}

function locate(path: string | undefined, cwd: string, self: string): string | HoldfastError {
  try {
    return locateLightningd('lightningd', { PATH: path }, cwd, real => real === self);
  } catch (error) {
    if (error instanceof HoldfastError) return error;
    throw error;
  }
}

/** Is what PATH leads to an installation, as far as can be seen without executing it? */
export function checkLightningd({ installation }: NoexecReport): DoctorFinding {
  const { lightningd, files, bytes, reason } = installation;
  if (lightningd !== null) return ok(`${lightningd}: ${files} files, ${megabytes(bytes ?? 0)}`);
  return warning(
    `no installation was found: ${reason}`,
    'holdfast snapshot --dry-run /path/to/lightningd tries one that is not in PATH',
  );
}

/** Where a snapshot would go, and how it would get there. */
export function checkStore(report: NoexecReport, lightningDir: string, { uid }: Context): DoctorFinding {
  const { choice, directories } = report;
  const chosen = directories.find(({ path }) => path === choice.path);
  if (chosen === undefined)
    return problem(choice.reason, `holdfast noexec-check --lightning-dir=${lightningDir}`);
  const says = `${quote(chosen.path)}, ${mountWords(chosen)}, by ${methodOf(chosen)}`;
  const owner = foreignOwner(lightningDir, uid);
  if (owner !== undefined) {
    return warning(
      `${says}, as root sees it; the lightning-dir is of ${owner}`,
      `ask as that user: ${asUser(owner)} holdfast doctor --lightning-dir=${lightningDir}`,
    );
  }
  return choice.origin === 'store'
    ? ok(says)
    : warning(
        `the store executes nothing (${directories[0]?.reason}); used is ${says}`,
        `holdfast noexec-check --lightning-dir=${lightningDir} says what to type`,
      );
}

function mountWords({ mount }: DirectoryReport): string {
  return mount === null ? 'on a mount not known' : `on ${mount.fsType} at ${mount.mountPoint}`;
}

function methodOf({ hardlink, reflink }: DirectoryReport): string {
  if (hardlink.works === true) return 'hard link';
  const why = hardlink.reason === 'not tried' ? '' : ` (no hard link: ${hardlink.reason})`;
  return `${reflink.works === true ? 'reflink' : 'copy'}${why}`;
}

/** Is there room for one more version beside the one that runs? */
export function checkRoom(report: NoexecReport): DoctorFinding {
  const chosen = report.directories.find(({ path }) => path === report.choice.path);
  if (chosen === undefined) return warning('not known: there is no directory for a snapshot');
  const { freeBytes, neededBytes, hardlink, reflink, judged } = chosen;
  if (freeBytes === null) return ok('the file system sets no limit');
  const free = `${megabytes(freeBytes)} free at ${judged ?? chosen.path}`;
  if (neededBytes === null) return ok(free);
  if (hardlink.works === true || reflink.works === true) return ok(`${free}; links take next to nothing`);
  const says = `${free}; a version takes ${megabytes(neededBytes)}`;
  return freeBytes < 2 * neededBytes
    ? warning(
        says,
        'an upgrade needs room for the new version while the old one runs',
        'or another place: --snapshot-dir=DIR',
      )
    : ok(says);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
