/**
 * Who may change what a path leads to: itself, or one of the directories and symbolic links on the way. Only looks.
 */
import { lstatSync, realpathSync } from 'node:fs';
import { linksOnTheWay } from './links.ts';

const S_ISVTX = 0o1000;

/**
 * The first thing on the way to an absolute path, or at its end, that others than these users and root may change;
 * undefined: there is none. In a directory with the sticky bit nobody moves or removes what is not his (unlink(2),
 * EPERM), so that what is there counts by its own owner.
 * @throws Node's error where something on the way is not there or may not be looked at
 */
export function whatOthersMayChange(path: string, users: readonly number[]): string | undefined {
  const links = linksOnTheWay(path).map(link => link.path);
  for (const end of [...links, realpathSync(path)]) {
    const changeable = withParents(end).find(at => !isOnlyTheirs(at, users));
    if (changeable !== undefined) return changeable;
  }
  return undefined;
}

function isOnlyTheirs(path: string, users: readonly number[]): boolean {
  const stat = lstatSync(path);
  if (stat.uid !== 0 && !users.includes(stat.uid)) return false;
  if (stat.isSymbolicLink()) return true; // its mode means nothing
  return (stat.mode & 0o022) === 0 || (stat.isDirectory() && (stat.mode & S_ISVTX) !== 0);
}

/** `/`, `/usr`, `/usr/bin` of `/usr/bin`. */
function withParents(path: string): string[] {
  const parents = ['/'];
  for (let end = path.indexOf('/', 1); end !== -1; end = path.indexOf('/', end + 1))
    parents.push(path.slice(0, end));
  return [...parents, path];
}
