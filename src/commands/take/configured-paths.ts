/**
 * Paths of lightningd's configuration that lead into the installation. lightningd compares real paths (plugin.c) and
 * resolves relative ones from its own directory (subd.c), and its own is the snapshot's now. What that would change is
 * mended on the command line, where nothing else changes by it, or refused with the line to change: docs/launch.md.
 */
import { basename, dirname, normalize } from 'node:path';
import { HoldfastError, quote } from '../../errors.ts';
import type { LightningOptions, ProgramOption } from '../../lightning/config/lightning-options.ts';
import { type NamedPrograms, programsNamedBy } from '../../lightning/installation/named.ts';
import { namesIn, realPathOf, statOf } from '../../linux/files/look.ts';
import type { SnapshotRecord } from '../../snapshot/record/record.ts';

/** What lightningd is started with. */
export interface MendedArguments {
  readonly args: readonly Buffer[];
  /** what a `subdaemon=` means outside of the snapshot; absolute, unless lightningd will not find it */
  readonly subdaemons: readonly string[];
}

/**
 * Mends what leads into the installation that this snapshot was taken of.
 * @param args lightningd's arguments, of which `options` were read
 * @param snapshot the snapshot's directory, absolute
 * @throws HoldfastError `CONFIG`: a built-in plugin is named once more, which lightningd itself refuses
 */
export function mendConfiguredPaths(
  args: readonly Buffer[],
  options: LightningOptions,
  record: SnapshotRecord,
  snapshot: string,
): MendedArguments {
  if (record.archiveIs !== undefined) return unmended(args, options); // what it was unpacked to is gone
  const mending = new Mending(options, record, snapshot);
  mending.plugins();
  mending.subdaemons();
  return mending.result(args);
}

/** All as it is written. */
function unmended(args: readonly Buffer[], { subdaemons }: LightningOptions): MendedArguments {
  return { args, subdaemons: subdaemons.map(({ path }) => path) };
}

class Mending {
  readonly #options: LightningOptions;
  readonly #record: SnapshotRecord;
  readonly #snapshot: string;
  /** files of the installation by their real paths */
  readonly #entries: ReadonlyMap<string, { readonly path: string; readonly pinned: boolean }>;
  readonly #added: string[] = [];
  readonly #replaced = new Map<number, { readonly valueAt: number; readonly value: string }>();
  readonly #outside: string[] = [];
  #named: NamedPrograms | undefined;

  constructor(options: LightningOptions, record: SnapshotRecord, snapshot: string) {
    this.#options = options;
    this.#record = record;
    this.#snapshot = snapshot;
    this.#entries = new Map(
      record.files.map(({ source, path, placement }) => [source, { path, pinned: placement === 'pin' }]),
    );
  }

  result(args: readonly Buffer[]): MendedArguments {
    const words = args.map((word, index) => {
      const replaced = this.#replaced.get(index);
      if (replaced === undefined) return word;
      return Buffer.concat([word.subarray(0, replaced.valueAt), Buffer.from(replaced.value)]);
    });
    return { args: [...this.#added.map(word => Buffer.from(word)), ...words], subdaemons: this.#outside };
  }

  /** The last `subdaemon=` of each name, as lightningd has it. */
  subdaemons(): void {
    const last = new Map<string, ProgramOption>();
    for (const option of this.#options.aboutPrograms) {
      const colon = option.value.indexOf(':');
      if (option.name === 'subdaemon' && colon > 0) last.set(option.value.slice(0, colon), option);
    }
    for (const [name, option] of last) {
      const written = option.value.slice(name.length + 1);
      const { meant, found } = this.#find(written);
      if (!meant.startsWith(`${this.#snapshot}/`)) this.#outside.push(meant);
      if (found) continue;
      const value = `${name}:${meant}`;
      if (option.word === undefined) this.#added.push(`--subdaemon=${value}`);
      else this.#replaced.set(option.word.index, { valueAt: option.word.valueAt, value });
    }
  }

  /** Which program a path means to the installed lightningd, in the snapshot if it is there; and is that what ours finds? */
  #find(written: string): { readonly meant: string; readonly found: boolean } {
    const directory = this.#subdaemonDirectory();
    const isAbsolute = written.startsWith('/');
    const there = isAbsolute ? written : `${this.#prefix()}/${directory}/${written}`;
    const entry = this.#entry(there);
    if (directory === undefined || (entry === undefined && realPathOf(there) === undefined)) {
      return { meant: written, found: true }; // or nothing, as ever
    }
    const meant = entry === undefined ? there : `${this.#snapshot}/${entry.path}`;
    const ours = isAbsolute ? written : `${this.#snapshot}/${directory}/${written}`;
    return { meant, found: realPathOf(ours) === realPathOf(meant) };
  }

  /** In order, as lightningd goes through them: it starts with all that are built in. */
  plugins(): void {
    let builtIn = true;
    const disabled: string[] = [];
    for (const option of this.#options.aboutPrograms) {
      const { name, value } = option;
      const path = value.startsWith('/') ? value : `${this.#workingDirectory()}/${value}`;
      if (name === 'clear-plugins') builtIn = false;
      if (name === 'disable-plugin') {
        disabled.push(value.includes('/') ? path : value);
        if (value.includes('/')) this.#disable(path);
      }
      const named = name.endsWith('plugin') && name !== 'disable-plugin' ? [path] : [];
      const found = name === 'plugin-dir' ? programsIn(path) : named;
      if (!builtIn) continue;
      for (const one of found)
        if (this.#isBuiltIn(one) && !isDisabled(one, disabled)) throw again(option, one);
    }
    if (!builtIn) return;
    // of these lightningd passes over what it has already: add_plugin_dir() with error_ok
    const own = `${this.#options.lightningDir}/plugins`;
    for (const one of [own, ...directoriesIn(own)].flatMap(programsIn)) {
      const real = realPathOf(one);
      if (real !== undefined && this.#isBuiltIn(one) && !isDisabled(one, disabled)) this.#add(real);
    }
  }

  /** In the snapshot it has another path, and would not be disabled. */
  #disable(path: string): void {
    const entry = this.#entry(path);
    if (entry !== undefined && !entry.pinned) this.#add(`${this.#snapshot}/${entry.path}`);
  }

  #add(plugin: string): void {
    const word = `--disable-plugin=${plugin}`;
    if (!this.#added.includes(word)) this.#added.push(word);
  }

  /** Is this one of the plugins that lightningd starts without being told? Its image names them. */
  #isBuiltIn(path: string): boolean {
    const entry = this.#entry(path);
    if (entry === undefined || entry.pinned) return false; // a pinned one has its installed path
    const [, first] = /(?:^|\/)plugins\/([^/]+)/.exec(entry.path) ?? [];
    if (first === undefined) return false;
    this.#named ??= programsNamedBy(`${this.#snapshot}/${this.#record.program}`);
    return this.#named.isPlugin(first);
  }

  /** The file of the snapshot that a path to the installation means, be the installation still there or not. */
  #entry(path: string) {
    return this.#entries.get(realPathOf(path) ?? normalize(path));
  }

  #workingDirectory(): string {
    return `${this.#options.lightningDir}/${this.#options.network}`;
  }

  #prefix(): string {
    const { lightningd, program } = this.#record;
    return lightningd.endsWith(`/${program}`)
      ? lightningd.slice(0, -program.length - 1)
      : dirname(dirname(lightningd));
  }

  /** Below the prefix. */
  #subdaemonDirectory(): string | undefined {
    const one = this.#record.files.find(({ path }) => /(^|\/)lightning_\w+d$/.test(path));
    return one === undefined ? undefined : dirname(one.path);
  }
}

/** plugin_paths_match() of plugin.c: a path means the file, a name alone every file of that name. */
function isDisabled(path: string, disabled: readonly string[]): boolean {
  const real = realPathOf(path);
  return disabled.some(one =>
    one.includes('/')
      ? one === path || (real !== undefined && realPathOf(one) === real)
      : one === basename(path),
  );
}

function again({ name, value, at }: ProgramOption, path: string): HoldfastError {
  const line = `${name}=${value}`;
  const where = at === undefined ? `--${line}` : `${quote(at.file)} line ${at.line}: ${line}`;
  const more = name === 'plugin-dir' ? `, with ${quote(path)},` : '';
  return new HoldfastError(
    'CONFIG',
    `${where} names${more} a plugin that lightningd starts anyway: lightningd itself refuses that (Failed to register)`,
    {
      path: at?.file ?? path,
      hint: at === undefined ? `leave out --${line}` : `remove that line: ${line}`,
    },
  );
}

/** Files that lightningd would start from a directory: plugin_fullpath() of plugin.c. */
function programsIn(directory: string): string[] {
  return namesIn(directory)
    .map(name => `${directory}/${name}`)
    .filter(path => isProgram(path));
}

function directoriesIn(directory: string): string[] {
  return namesIn(directory)
    .map(name => `${directory}/${name}`)
    .filter(path => statOf(path)?.isDirectory() === true);
}

function isProgram(path: string): boolean {
  const stat = statOf(path);
  return stat?.isFile() === true && (stat.mode & 0o111) !== 0;
}
