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
  /** the plugins that are built in, as far as we know any; lightningd starts without those that are missing */
  readonly plugins: readonly string[];
  /** is this a built-in plugin of its, by the name of the file or of its directory? */
  isPlugin(name: string): boolean;
}

/** Reads lightningd's image. One that names nothing (a script) may execute what every release has. @throws HoldfastError `SYSTEM` */
export function programsNamedBy(lightningd: string): NamedPrograms {
  const text = constantsOf(lightningd);
  const subdaemons = subdaemonsIn(text);
  const namesPlugins = TELLING.some(name => text.includes(`${name}\0`));
  return {
    subdaemons: subdaemons.size === 0 ? SUBDAEMONS : [...subdaemons].sort(),
    plugins: namesPlugins ? PLUGINS.filter(name => text.includes(`${name}\0`)) : [],
    isSubdaemon: name => subdaemons.size === 0 || subdaemons.has(name) || ALWAYS.has(name),
    isPlugin: name => (namesPlugins ? text.includes(`${name}\0`) : !FORMER_PLUGINS.includes(name)),
  };
}

/** Those of every release: no left-over, also where the image should hide the name. */
export const ALWAYS: ReadonlySet<string> = new Set([
  ...SUBDAEMONS,
  'lightning_dualopend',
  'lightning_websocketd',
]);

const PREFIX = 'lightning_';

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

function constantsOf(path: string): Buffer {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { size } = fstatSync(fd);
    const parts: Buffer[] = [];
    let left = MOST_BYTES;
    for (const { offset, length } of readElf(fd)?.constants ?? []) {
      const part = Buffer.alloc(Math.max(0, Math.min(length, size - offset, left)));
      readSync(fd, part, 0, part.length, offset);
      left -= part.length;
      parts.push(part, Buffer.alloc(1));
    }
    return Buffer.concat(parts);
  } catch (error) {
    throw systemError('read', path, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
