/**
 * `holdfast noexec-check`: can these directories hold programs, and which would `run` use? Leaves nothing behind but
 * moved times: of the directories that were tried, and the ctime of the one file that links were tried with.
 */
import { realpathSync } from 'node:fs';
import { HoldfastError } from '../errors.ts';
import { listContents, type SourceFile } from '../lightning/installation/contents.ts';
import { findInstallation } from '../lightning/installation/installation.ts';
import { locateLightningd } from '../lightning/installation/locate.ts';
import { isNoexec, mountOf, readMounts } from '../linux/proc/mountinfo.ts';
import { fallbackStores } from '../snapshot/fallback/candidates.ts';
import { whyNeverLinked } from '../snapshot/place/linkable.ts';
import { openStore } from '../snapshot/store/store.ts';
import type { Context } from './context.ts';
import { adviceFor } from './noexec/advice.ts';
import { judgeFallback, judgePath, type Load } from './noexec/directory.ts';
import type {
  ChoiceReport,
  DirectoryReport,
  Holds,
  InstallationReport,
  NoexecReport,
} from './noexec/report.ts';

/** What the operator asked for. */
export interface NoexecCheckOptions {
  /** absolute; none: the store, then each fallback */
  readonly directories: readonly string[];
  /** `<lightning-dir>/subdaemons`, or what --snapshot-dir says; absolute */
  readonly store: string;
  /** absolute */
  readonly lightningDir: string;
  /** the installed lightningd: a path, or a name for PATH; undefined: `lightningd` */
  readonly lightningd: string | undefined;
}

/** For each file of the installation, what a file takes beyond its size at most: the rest of its last block. */
const BLOCK = 4096n;
/** Room for the directories, the manifest and the record. */
const EXTRA = 1n << 20n;

/** Looks at the directories. Missing, unreadable or refused ones are part of the result. */
export function noexecCheck(
  options: NoexecCheckOptions,
  { environment, uid, cwd }: Pick<Context, 'environment' | 'uid' | 'cwd'>,
): NoexecReport {
  const { directories: given, store, lightningDir } = options;
  const { installation, load } = measure(options.lightningd ?? 'lightningd', environment.PATH, cwd, uid);
  const isGiven = given.length > 0;
  const asked = isGiven
    ? given.map(path => judgePath(path, 'given', load))
    : [judgePath(store, 'store', load)];
  const fallbacks = isGiven
    ? []
    : [...fallbackStores({ environment, uid, lightningDir })].map(candidate =>
        judgeFallback(candidate, load),
      );
  const choice = isGiven ? chooseGiven(asked) : (refusedStore(store, uid) ?? choose(asked[0]!, fallbacks)); // the store was asked
  const run = mountOf('/run', readMounts());
  return {
    installation,
    directories: [...asked, ...fallbacks],
    choice,
    advice: adviceFor(asked, {
      chosen: choice.path,
      forStore: !isGiven,
      runIsNoexec: run !== undefined && isNoexec(run),
    }),
    holds: worst(asked.map(({ holds }) => holds)),
  };
}

/** What would be put there: the installation, if there is one. */
function measure(
  word: string,
  path: string | undefined,
  cwd: string,
  uid: number,
): { installation: InstallationReport; load: Load } {
  const owner = BigInt(uid);
  try {
    const lightningd = realpathSync(locateLightningd(word, { PATH: path }, cwd));
    const { files } = listContents(findInstallation(lightningd));
    const bytes = files.reduce((sum, { stat }) => sum + (stat.size / BLOCK + 1n) * BLOCK, EXTRA);
    return {
      installation: { lightningd, files: files.length, bytes: Number(bytes), reason: null },
      load: { bytes, sample: sampleOf(files, owner), owner },
    };
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return {
      installation: { lightningd: null, files: null, bytes: null, reason: error.message },
      load: { bytes: null, sample: null, owner },
    };
  }
}

/** The smallest program that may be linked at all: it is read again at the next launch. */
function sampleOf(files: readonly SourceFile[], owner: bigint): SourceFile | null {
  const programs = files.filter(({ stat }) => stat.size > 0n && (stat.mode & 0o111n) !== 0n);
  const linkable = programs.filter(
    ({ stat }) => whyNeverLinked(stat, { store: owner, parent: owner }) === undefined,
  );
  const candidates = linkable.length > 0 ? linkable : programs;
  return candidates.reduce<SourceFile | null>(
    (least, file) => (least === null || file.stat.size < least.stat.size ? file : least),
    null,
  );
}

/** A store that run refuses, whatever its file system: it names no directory then. */
function refusedStore(path: string, uid: number): ChoiceReport | undefined {
  try {
    openStore(path, { uid }).close();
    return undefined;
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    if (error.code !== 'STORE_REFUSED') return undefined; // not there yet, or closed to us: said of the directory
    return { path: null, origin: null, reason: `run refuses the store: ${error.message}` };
  }
}

/** As `run` does: a fallback only where the store executes nothing. */
function choose(store: DirectoryReport, fallbacks: readonly DirectoryReport[]): ChoiceReport {
  if (store.holds === 'yes') {
    return { path: store.path, origin: 'store', reason: 'the store can hold programs' };
  }
  const { verdict } = store.exec;
  if (verdict !== 'noexec' && verdict !== 'no-execute-bit') {
    const reason = `run would use the store all the same, and fail: ${store.reason}`;
    return { path: null, origin: null, reason };
  }
  const first = fallbacks.find(({ holds }) => holds === 'yes');
  return first === undefined
    ? { path: null, origin: null, reason: 'the store cannot hold programs, and no fallback will do' }
    : {
        path: first.path,
        origin: first.origin,
        reason: 'the store cannot hold programs; this is the first fallback that can',
      };
}

function chooseGiven(given: readonly DirectoryReport[]): ChoiceReport {
  const first = given.find(({ holds }) => holds === 'yes');
  return first === undefined
    ? { path: null, origin: null, reason: 'none of the directories could be used with --snapshot-dir' }
    : { path: first.path, origin: 'given', reason: 'with --snapshot-dir: the first that can hold programs' };
}

function worst(all: readonly Holds[]): Holds {
  if (all.includes('no')) return 'no';
  return all.includes('unknown') ? 'unknown' : 'yes';
}
