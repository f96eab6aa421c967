/**
 * Which members an archive may have. Keeps every name that came by, and refuses the one that must not be there: each
 * rule is one way out of the directory that the archive is unpacked in, or one way to mean two things. Pure.
 *
 * A symbolic link may lead anywhere below the top: its target is `../` as often as its directory is deep at most, then
 * names. So no `..` ever stands behind a name that might be a link itself, and by induction no chain of links leaves.
 * No member may lie below a link, so that every directory of a member is a real one.
 */
import { Refused } from './fault.ts';

/** What a member is, as far as it may be in a release. */
export type MemberKind = 'file' | 'directory' | 'symlink' | 'hardlink';

interface Known {
  readonly path: string;
  readonly kind: MemberKind;
  /** false: a directory that other members lie in, without one of its own yet */
  readonly explicit: boolean;
}

const MAX_DEPTH = 64;
/** PATH_MAX (limits.h) less room for the directory that all of it lies in. */
const MAX_PATH_BYTES = 2048;
/** NAME_MAX */
const MAX_NAME_BYTES = 255;

/** The members that were accepted. */
export class Members {
  /** by path with case and composition folded: what one file system keeps apart is one name on another */
  readonly #known = new Map<string, Known>();

  /**
   * Accepts a member.
   * @param target of a link, as the archive has it
   * @returns its path below the top (`''` is the top itself); for a hard link also the path of its file
   * @throws Refused
   */
  add(
    kind: MemberKind,
    name: string,
    target: string,
  ): { readonly path: string; readonly target: string | undefined } {
    const path = normalise(name, name);
    if (path === '') {
      if (kind !== 'directory') throw new Refused('it has no name', name);
      return { path, target: undefined };
    }
    this.#addParents(path, name);
    const known = this.#lookUp(path, name);
    if (known !== undefined && (known.explicit || kind !== 'directory')) {
      throw new Refused(known.explicit ? 'it is there twice' : 'it is a directory already', name);
    }
    let file: string | undefined;
    if (kind === 'symlink') checkTarget(path, target, name);
    if (kind === 'hardlink') file = this.#fileOf(target, name);
    this.#known.set(fold(path), { path, kind: kind === 'hardlink' ? 'file' : kind, explicit: true });
    return { path, target: file };
  }

  #addParents(path: string, name: string): void {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const parent = path.slice(0, slash);
      const known = this.#lookUp(parent, name);
      if (known === undefined) {
        this.#known.set(fold(parent), { path: parent, kind: 'directory', explicit: false });
      } else if (known.kind !== 'directory') {
        const what = known.kind === 'symlink' ? 'a symbolic link' : 'a file';
        throw new Refused(`it lies below '${parent}', which is ${what}`, name);
      }
    }
  }

  /** @throws Refused where another name is the same but for case */
  #lookUp(path: string, name: string): Known | undefined {
    const known = this.#known.get(fold(path));
    if (known === undefined || known.path === path) return known;
    throw new Refused(`only case tells '${path}' from '${known.path}'`, name);
  }

  #fileOf(target: string, name: string): string {
    const path = normalise(target, name, 'it is a hard link to');
    const known = this.#lookUp(path, name);
    if (known?.kind === 'file') return path;
    throw new Refused(`it is a hard link to '${target}', which is no file that came before it`, name);
  }
}

/** The path below the top that a name means. @throws Refused */
function normalise(name: string, member: string, what = 'its name is'): string {
  if (name === '') throw new Refused('it has no name', member);
  if (name.startsWith('/')) throw new Refused(`${what} absolute`, member);
  if (name.includes('\ufffd')) throw new Refused(`${what} not UTF-8`, member);
  if (hasControl(name)) throw new Refused(`${what} one with control characters`, member);
  const components = name.split('/').filter(component => component !== '' && component !== '.');
  if (components.includes('..')) throw new Refused(`${what} one with '..'`, member);
  if (components.length > MAX_DEPTH)
    throw new Refused(`${what} nested deeper than ${MAX_DEPTH} directories`, member);
  const path = components.join('/');
  const tooLong = components.some(component => Buffer.byteLength(component) > MAX_NAME_BYTES);
  if (tooLong || Buffer.byteLength(path) > MAX_PATH_BYTES) throw new Refused(`${what} too long`, member);
  return path;
}

/** @throws Refused where a symbolic link could lead out of the top */
function checkTarget(path: string, target: string, name: string): void {
  const out = `it is a symbolic link that leads out of the archive: '${target}'`;
  if (target === '') throw new Refused('it is a symbolic link to nothing', name);
  if (target.startsWith('/')) throw new Refused(out, name);
  if (target.includes('\ufffd') || hasControl(target) || Buffer.byteLength(target) > MAX_PATH_BYTES) {
    throw new Refused('it is a symbolic link to an impossible name', name);
  }
  const components = target.split('/').filter(component => component !== '' && component !== '.');
  let up = 0;
  while (components[up] === '..') up++;
  const depth = path.split('/').length - 1;
  if (up > depth || components.includes('..', up)) throw new Refused(out, name);
}

function fold(path: string): string {
  return path.normalize('NFC').toLowerCase();
}

function hasControl(name: string): boolean {
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
