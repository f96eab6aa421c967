/**
 * The symbolic links on the way to a file, each with where it leads: what a record keeps of them tells later, by one
 * readlink(2) for each, that the path still leads to where it led. As path_resolution(7), by hand. Only looks.
 */
import { readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, HoldfastError, quote, systemError } from '../../errors.ts';

/** path_resolution(7): more links than this are a loop. */
const MAX_LINKS = 40;

/** Resolves paths that have much of their way in common: each component is looked at once. */
export class LinkWalk {
  readonly #links = new Map<string, string>();
  readonly #plain = new Set<string>();

  /** All links that were met: where they are, no component above the last being one, and where they lead. */
  get links(): { readonly path: string; readonly to: string }[] {
    return [...this.#links].map(([path, to]) => ({ path, to }));
  }

  /** Where an absolute path leads. @throws HoldfastError `SYSTEM`: ENOENT, ELOOP, EACCES */
  resolve(path: string): string {
    const left = path.split('/').reverse();
    let at = '';
    let met = 0;
    for (let part = left.pop(); part !== undefined; part = left.pop()) {
      if (part === '' || part === '.') continue;
      if (part === '..') {
        at = at === '' ? '' : dirname(at).replace(/^\/$/, '');
        continue;
      }
      const next = `${at}/${part}`;
      const target = this.#targetOf(next, path);
      if (target === undefined) {
        at = next;
        continue;
      }
      if (++met > MAX_LINKS) throw loop(path);
      left.push(...target.split('/').reverse());
      if (target.startsWith('/')) at = '';
    }
    return at === '' ? '/' : at;
  }

  /** Where a link leads, as written in it; undefined for all that is no link. */
  #targetOf(path: string, whole: string): string | undefined {
    if (this.#plain.has(path)) return undefined;
    const known = this.#links.get(path);
    if (known !== undefined) return known;
    try {
      const target = readlinkSync(path);
      this.#links.set(path, target);
      return target;
    } catch (error) {
      if (errnoOf(error) !== 'EINVAL') throw systemError('find', whole, error);
      this.#plain.add(path); // readlink(2): it is there, and no symbolic link
      return undefined;
    }
  }
}

function loop(path: string): HoldfastError {
  return new HoldfastError('SYSTEM', `${quote(path)} leads through more than ${MAX_LINKS} symbolic links`, {
    path,
    errno: 'ELOOP',
  });
}
