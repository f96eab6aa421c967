/**
 * Which programs a lightningd names: what it will execute, now or at any time of its life. Its image holds the names of
 * its subdaemons whole, and those of its built-in plugins NUL-terminated, though linkers store a name as the tail of a
 * longer string where there is one (`pay` in `cln-renepay`). Reads the image, never executes it.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { systemError } from '../../errors.ts';
import { readElf } from '../../linux/elf.ts';
import { FORMER_PLUGINS, PLUGINS, SUBDAEMONS } from './subdaemons.ts';

/** An image of real size holds 3 MB of constants; what holds more is none, and must not cost memory. */
const MOST_BYTES = 32 << 20;

/** Plugins that every release of many years has, and whose names stand alone in its image. */
const TELLING = ['autoclean', 'bcli', 'chanbackup', 'commando', 'spenderp', 'txprepare'];

/** What a lightningd names. */
export interface NamedPrograms {
  /** the subdaemons that must be there */
  readonly subdaemons: readonly string[];
  /** may this be a subdaemon of its? Not one that a release before it or after it has left behind */
  isSubdaemon(name: string): boolean;
  /** Which plugins are built in and not among these? As far as we know any; lightningd starts without them. */
  missingPlugins(there: ReadonlySet<string>): string[];
  /** is this a built-in plugin of its, by the name of the file or of its directory? */
  isPlugin(name: string): boolean;
}

/** What was found last: an installed lightningd and the one in its snapshot are mostly one file. */
let last: { readonly identity: string; readonly named: NamedPrograms } | undefined;

/** Reads lightningd's image. One that names nothing (a script) may execute what every release has. @throws HoldfastError `SYSTEM` */
export function programsNamedBy(lightningd: string): NamedPrograms {
  let fd: number | undefined;
  try {
    fd = openSync(lightningd, constants.O_RDONLY | constants.O_NONBLOCK);
    const { dev, ino, size, mtimeNs } = fstatSync(fd, { bigint: true });
    const identity = [dev, ino, size, mtimeNs].join(':');
    if (last?.identity !== identity) last = { identity, named: namedIn(constantsOf(fd)) };
    return last.named;
  } catch (error) {
    throw systemError('read', lightningd, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function namedIn(text: Buffer): NamedPrograms {
  const subdaemons = subdaemonsIn(text);
  const has = (name: string): boolean => isIn(text, Buffer.from(`${name}\0`));
  let telling: boolean | undefined;
  const namesPlugins = (): boolean => {
    telling ??= TELLING.some(has);
    return telling;
  };
  return {
    subdaemons: subdaemons.size === 0 ? SUBDAEMONS : [...subdaemons].sort(),
    missingPlugins: there => (namesPlugins() ? PLUGINS.filter(name => !there.has(name) && has(name)) : []),
    isSubdaemon: name => subdaemons.size === 0 || subdaemons.has(name) || ALWAYS.has(name),
    isPlugin: name => (namesPlugins() ? has(name) : !FORMER_PLUGINS.includes(name)),
  };
}

/** Those of every release: no left-over, also where the image should hide the name. */
export const ALWAYS: ReadonlySet<string> = new Set([
  ...SUBDAEMONS,
  'lightning_dualopend',
  'lightning_websocketd',
]);

const PREFIX = Buffer.from('lightning_');

/** As Buffer's `includes`, which is five times slower for more than a few bytes in what is mostly no text (measured). */
function isIn(text: Buffer, wanted: Buffer): boolean {
  const start = wanted.subarray(0, 4);
  for (let at = text.indexOf(start); at !== -1; at = text.indexOf(start, at + 1)) {
    if (text.compare(wanted, 0, wanted.length, at, Math.min(at + wanted.length, text.length)) === 0)
      return true;
  }
  return false;
}

function subdaemonsIn(text: Buffer): Set<string> {
  const found = new Set<string>();
  for (let at = text.indexOf(PREFIX); at !== -1; at = text.indexOf(PREFIX, at + 1)) {
    if (at > 0 && text[at - 1] !== 0) continue;
    const end = text.indexOf(0, at);
    const name = text.toString('latin1', at, Math.min(end === -1 ? at : end, at + 64));
    if (/^lightning_[a-z0-9_]+d$/.test(name)) found.add(name);
  }
  return found;
}

/** A NUL between the parts. */
function constantsOf(fd: number): Buffer {
  const { size } = fstatSync(fd);
  const parts = readElf(fd)?.constants ?? [];
  const lengths = parts.map(({ offset, length }) => Math.max(0, Math.min(length, size - offset)));
  const all = Buffer.allocUnsafe(
    Math.min(
      MOST_BYTES,
      lengths.reduce((sum, length) => sum + length + 1, 0),
    ),
  );
  let at = 0;
  parts.forEach(({ offset }, n) => {
    const wanted = Math.min(lengths[n] ?? 0, Math.max(0, all.length - at - 1));
    at += readSync(fd, all, at, wanted, offset);
    all[at++] = 0;
  });
  return all.subarray(0, at);
}
