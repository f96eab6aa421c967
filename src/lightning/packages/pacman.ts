/**
 * pacman's record: local/PACKAGE-VERSION/ has a package's files, and `desc`, written after its last file. pacman has no
 * temporary names: it unlinks the old files, the last first, then the old record, makes the directory of the new one, and
 * writes each file in its place. Killed in between it leaves just that, and its lock. Only looks.
 */
import { existsSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { quote } from '../../errors.ts';
import { isBelow } from '../../linux/files/path.ts';
import { type Installed, namesBelow, type PackageState } from './state.ts';

/** All packages of a transaction are written within so long of each other, mostly. */
const RECENT_NS = 600_000_000_000n;

/** @param root the directory that has `var/lib/pacman` @returns undefined where the record says nothing of it */
export function pacmanState(root: string, installed: Installed): PackageState | undefined {
  const top = root === '/' ? '' : root;
  const lock = `${top}/var/lib/pacman/db.lck`;
  const isAtWork = existsSync(lock);
  const entries = entriesOf(`${top}/var/lib/pacman/local`);
  const unfinished = entries.filter(({ writtenNs }) => writtenNs === undefined);
  const isRecent = ({ writtenNs = 0n }: Entry) => installed.changedNs - writtenNs < RECENT_NS;
  // to read all lists costs time: only where something is at work, or was left behind
  const doubt = isAtWork || unfinished.length > 0;
  const names = namesBelow(root, installed.lightningd);
  const owner = (doubt ? entries : entries.filter(isRecent)).find(entry =>
    filesOf(entry).some(file => names.includes(file)),
  );
  if (owner === undefined) {
    const begun = unfinished.find(entry => mayBring(entry, names));
    if (begun === undefined) return undefined;
    return unfinishedState(
      begun,
      begun.path,
      `pacman has begun to install ${begun.name}, and has not finished`,
      [begun.path, ...(isAtWork ? [lock] : [])],
    );
  }
  const missing = isAtWork ? missingOf(owner, top, installed) : undefined;
  if (missing !== undefined) {
    const reason = `pacman has begun to replace ${owner.name}: ${quote(missing)} is gone`;
    return unfinishedState(owner, missing, reason, [lock]);
  }
  // packages are written one after the other: the last record that was written is younger than the last file
  const isDone = entries.some(({ writtenNs = 0n }) => writtenNs >= installed.changedNs);
  return isDone && isRecent(owner) ? { state: 'unpacked' } : undefined;
}

/** A package in the record. */
interface Entry {
  readonly name: string;
  readonly path: string;
  /** when its `desc` was written; undefined where it is not yet */
  readonly writtenNs: bigint | undefined;
}

function entriesOf(local: string): Entry[] {
  return readdirSync(local, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(({ name }) => {
      const desc = statSync(`${local}/${name}/desc`, { bigint: true, throwIfNoEntry: false });
      return { name, path: `${local}/${name}`, writtenNs: desc?.mtimeNs };
    });
}

function filesOf({ path, writtenNs }: Entry): string[] {
  if (writtenNs === undefined) return [];
  const [, files = ''] = readFileSync(`${path}/files`, 'utf8').split('%FILES%\n');
  return (files.split('\n\n', 1)[0] ?? '').split('\n');
}

/** Is this what a package that has only begun will bring? Its `mtree` says so; without one, what /usr/bin has is a package's. */
function mayBring({ path }: Entry, names: readonly string[]): boolean {
  const mtree = `${path}/mtree`;
  if (!existsSync(mtree)) return names.some(name => name.startsWith('usr/bin/'));
  const { gunzipSync } = process.getBuiltinModule('node:zlib');
  const text = gunzipSync(readFileSync(mtree)).toString('utf8');
  return names.some(name => text.includes(`./${name} `));
}

function missingOf(owner: Entry, top: string, { directories }: Installed): string | undefined {
  return filesOf(owner)
    .map(file => `${top}/${file}`)
    .filter(path => !path.endsWith('/') && directories.some(directory => isBelow(path, directory)))
    .find(path => lstatSync(path, { throwIfNoEntry: false }) === undefined);
}

/** @param inTheWay what pacman refuses to work with after it was killed */
function unfinishedState(
  { name }: Entry,
  path: string,
  reason: string,
  inTheWay: readonly string[],
): PackageState {
  const plain = name.replace(/-[^-]+-[^-]+$/, ''); // PACKAGE-VERSION-RELEASE
  const remove = `where pacman is not at work any more, rm -r ${inTheWay.map(quote).join(' ')}`;
  return {
    state: 'unfinished',
    path,
    reason,
    complete: `${remove}, then pacman -S --overwrite '*' ${plain}`,
  };
}
