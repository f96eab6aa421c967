/**
 * What lightningd's own arguments and configuration files say about where it runs: the lightning-dir above all.
 * Follows initial_config_opts() and parse_configvars() of common/configdir.c and handle_early_opts() of
 * lightningd/options.c, step by step. What lightningd would reject is left for it to reject: such a setting counts for
 * nothing here. Never changes a word but a relative `--lightning-dir`, and never prints.
 */
import { basename } from 'node:path';
import { HoldfastError, quote } from '../../errors.ts';
import { resolveDots } from '../../linux/files/path.ts';
import { type ByteString, byteString, bytesOf, decode, decodeForDisplay, joinPath } from './byte-string.ts';
import { commandLineOptions, nameAndValue } from './command-line.ts';
import { type ConfigLine, cannotBeRead, readConfigFile } from './config-file.ts';
import {
  type LaunchContext,
  matters,
  type Setting,
  type Source,
  type State,
  settle,
  trimEnd,
} from './settings.ts';

/** What we need to know about a launch. */
export interface LightningOptions {
  /** absolute; no trailing slash; links in it are not resolved, but for one before a `..` */
  readonly lightningDir: string;
  /** `bitcoin`, `regtest`, ...: the name of the directory below the lightning-dir that the node works in */
  readonly network: string;
  /** the configuration files that were read, absolute, in the order read */
  readonly configFiles: readonly string[];
  /** a file named by `--conf` that is not there, or cannot be read: lightningd will refuse to start */
  readonly missingConf: string | undefined;
  /** why configuration files that are there cannot be read; lightningd goes on without those that --conf does not name */
  readonly unreadable: readonly string[];
  /** absolute */
  readonly pidFile: string;
  /** `rpc-file=`, as it is written: relative to the directory that the node works in */
  readonly rpcFile: string | undefined;
  readonly daemon: boolean;
  /** `plugin=` and `important-plugin=` as far as no `clear-plugins` or `disable-plugin` undoes them; absolute */
  readonly plugins: readonly string[];
  /** `plugin-dir=`; absolute */
  readonly pluginDirs: readonly string[];
  /** `subdaemon=NAME:PATH`, the last of each name; a relative path is meant from the subdaemons' directory */
  readonly subdaemons: readonly { readonly name: string; readonly path: string }[];
  /** the same three, and what undoes them, in the order in which lightningd applies them */
  readonly aboutPrograms: readonly ProgramOption[];
  /** the program by which bcli asks bitcoind: a name in PATH, or a path, absolute */
  readonly bitcoinCli: string;
  /** `--version`, `--help`, `--list-features-only`, `--test-daemons-only`: lightningd answers and ends */
  readonly answersOnly: boolean;
}

/** An option about plugins or subdaemons, where it stands. */
export interface ProgramOption {
  /** `plugin`, `important-plugin`, `plugin-dir`, `disable-plugin`, `clear-plugins`, `subdaemon` */
  readonly name: string;
  /** as it is written; '' where there is none */
  readonly value: string;
  /** undefined: on the command line */
  readonly at: { readonly file: string; readonly line: number } | undefined;
  /** on the command line: the word that holds the value, and where in it the value begins */
  readonly word: Setting['word'];
}

/** Which configuration files are read, and what becomes of one that is there and cannot be: an error but for `ours`. */
type Reads = 'configuration' | 'only --conf' | 'ours';

/**
 * Reads `args` (lightningd's, without argv[0]) and the configuration files that they lead to:
 * 1. the command line;
 * 2. with `--conf`, that file and no other; it may name the lightning-dir;
 * 3. without, `<lightning-dir>/config`, which may name the network, then `<lightning-dir>/<network>/config`;
 * 4. everything once more in the order files, command line: the last one wins.
 * When the command line asks for an answer only, no file is read: nothing in them matters then.
 * @param reads only a file named by `--conf`: step 3 is left out; or for a lightningd that we are about to become: what
 *   we cannot read, it cannot read either
 * @throws HoldfastError CONFIG for a file that cannot be read; USAGE or CONFIG for a lightning-dir that is not UTF-8
 */
export function readLightningOptions(
  args: readonly Buffer[],
  context: LaunchContext,
  reads: Reads = 'configuration',
): LightningOptions {
  const cwd = byteString(context.cwd);
  const words = commandLineOptions(args.map(byteString)).map<Setting>(option => ({
    name: option.name,
    value: option.value,
    source: 'command line',
    at: undefined,
    word: option.valueWord === undefined ? undefined : { index: option.valueWord, valueAt: option.valueAt },
  }));
  const first = settle(words, cwd, context);
  const files = new Files(reads);
  if (first.answersOnly) return finish(first, files, undefined);

  if (first.conf !== undefined) {
    const lines = files.read(first.conf, '--conf');
    const missing = lines === undefined ? first.conf : undefined;
    return finish(settle([...(lines ?? []), ...words], cwd, context), files, missing);
  }
  if (reads === 'only --conf') return finish(first, files, undefined);
  const base = files.read(joinPath(first.lightningDir, 'config'), 'base config') ?? [];
  const { network } = settle([...base, ...words], cwd, context);
  const own = files.read(joinPath(joinPath(first.lightningDir, network), 'config'), 'network config') ?? [];
  return finish(settle([...base, ...own, ...words], cwd, context), files, undefined);
}

/** The configuration files of one launch. */
class Files {
  readonly names: ByteString[] = [];
  readonly unreadable: string[] = [];
  readonly #reads: Reads;

  constructor(reads: Reads) {
    this.#reads = reads;
  }

  /** The settings in a file that matter; undefined where there is none, or lightningd will not be able to read it. */
  read(path: ByteString, source: Source): Setting[] | undefined {
    const settings: Setting[] = [];
    const take = (line: ConfigLine) => {
      const setting = { ...nameAndValue(line.text), source, at: line };
      if (matters(setting)) settings.push(setting);
    };
    try {
      const found = readConfigFile(path, take);
      this.names.push(...(found ?? []));
      return found === undefined ? undefined : settings;
    } catch (error) {
      if (this.#reads !== 'ours' || !cannotBeRead(path, error)) throw error;
      this.unreadable.push(error.message);
      return undefined;
    }
  }
}

/**
 * The same for a command that starts no lightningd and takes these three itself, with lightningd's defaults.
 * @throws HoldfastError as readLightningOptions
 */
export function readNodeOptions(
  values: {
    readonly lightningDir: string | undefined;
    readonly network: string | undefined;
    readonly conf: string | undefined;
  },
  context: LaunchContext,
  reads: Exclude<Reads, 'ours'>,
): LightningOptions {
  const args: string[] = [];
  if (values.lightningDir !== undefined) args.push(`--lightning-dir=${values.lightningDir}`);
  if (values.conf !== undefined) args.push(`--conf=${values.conf}`);
  if (values.network !== undefined) args.push(`--network=${values.network}`);
  return readLightningOptions(
    args.map(arg => Buffer.from(arg)),
    context,
    reads,
  );
}

/**
 * The same words, every relative `--lightning-dir` made absolute in the form in which it was given; all other words
 * are the same Buffers. A lightningd that re-executes itself does so from inside its network directory, where a
 * relative one would mean another node (lightningd.c).
 */
export function absoluteLightningDirArgs(args: readonly Buffer[], cwd: string): Buffer[] {
  const result = [...args];
  const words = args.map(byteString);
  for (const option of commandLineOptions(words)) {
    if (option.valueWord === undefined || option.name !== 'lightning-dir') continue;
    const word = words[option.valueWord] ?? '';
    const value = word.slice(option.valueAt);
    if (value.startsWith('/')) continue;
    result[option.valueWord] = bytesOf(word.slice(0, option.valueAt) + joinPath(byteString(cwd), value));
  }
  return result;
}

function finish(state: State, files: Files, missingConf: ByteString | undefined) {
  const decoded = decode(state.lightningDir.replace(/(?<=.)\/+$/, ''));
  if (decoded === undefined) throw notUtf8(state);
  const lightningDir = resolveDots(decoded);
  // lightningd changes to <lightning-dir>/<network> before it looks at any of these (handle_early_opts()).
  const workingDirectory = joinPath(state.lightningDir, state.network);
  const fromThere = (path: ByteString) => decodeForDisplay(joinPath(workingDirectory, path));
  const isEnabled = (path: ByteString) => !state.disabled.has(path) && !state.disabled.has(basename(path));
  return {
    lightningDir,
    network: state.network,
    configFiles: files.names.map(decodeForDisplay),
    unreadable: files.unreadable,
    missingConf: missingConf === undefined ? undefined : decodeForDisplay(missingConf),
    pidFile:
      state.pidFile === undefined
        ? joinPath(lightningDir, `lightningd-${state.network}.pid`)
        : fromThere(state.pidFile),
    rpcFile: state.rpcFile === undefined ? undefined : decodeForDisplay(state.rpcFile),
    daemon: state.daemon,
    plugins: state.plugins.filter(isEnabled).map(fromThere),
    pluginDirs: state.pluginDirs.map(fromThere),
    subdaemons: [...state.subdaemons].map(([name, path]) => ({
      name: decodeForDisplay(name),
      path: decodeForDisplay(path),
    })),
    aboutPrograms: state.aboutPrograms.map(programOption),
    bitcoinCli: state.bitcoinCli.includes('/')
      ? fromThere(state.bitcoinCli)
      : decodeForDisplay(state.bitcoinCli),
    answersOnly: state.answersOnly,
  } satisfies LightningOptions;
}

function programOption({ name, value, at, word }: Setting): ProgramOption {
  return {
    name,
    value: decodeForDisplay(trimEnd(value ?? '')),
    at: at && { file: decodeForDisplay(at.file), line: at.line },
    word,
  };
}

function notUtf8({ lightningDir, lightningDirAt }: State): HoldfastError {
  const shown = decodeForDisplay(lightningDir);
  const where =
    lightningDirAt === undefined
      ? ''
      : `${quote(decodeForDisplay(lightningDirAt.file))} line ${lightningDirAt.line}: `;
  return new HoldfastError(
    lightningDirAt === undefined ? 'USAGE' : 'CONFIG',
    `${where}the lightning-dir '${shown}' is not UTF-8`,
    { path: shown, hint: 'name it through a symbolic link with a plain name' },
  );
}
