/**
 * What the settings amount to, for the rest of holdfast: here bytes become text, and paths are made absolute from the
 * directory that lightningd works in. Pure, but for a link before a `..` of the lightning-dir.
 */
import { basename } from 'node:path';
import { HoldfastError, quote } from '../../errors.ts';
import { resolveDots } from '../../linux/files/path.ts';
import { type ByteString, decode, decodeForDisplay, joinPath } from './byte-string.ts';
import { type Setting, type State, trimEnd } from './settings.ts';

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

/** The configuration files of one launch. */
export interface FilesRead {
  /** those that were read, in order */
  readonly names: ByteString[];
  /** why others that are there cannot be read */
  readonly unreadable: string[];
  /** what `--conf` names, where that is not there or cannot be read */
  missingConf: ByteString | undefined;
}

/** The options. @throws HoldfastError USAGE or CONFIG for a lightning-dir that is not UTF-8 */
export function toLightningOptions(state: State, files: FilesRead): LightningOptions {
  const decoded = decode(state.lightningDir.replace(/(?<=.)\/+$/, ''));
  if (decoded === undefined) throw notUtf8Error(state);
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
    missingConf: files.missingConf === undefined ? undefined : decodeForDisplay(files.missingConf),
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
  };
}

function programOption({ name, value, at, word }: Setting): ProgramOption {
  return {
    name,
    value: decodeForDisplay(trimEnd(value ?? '')),
    at: at && { file: decodeForDisplay(at.file), line: at.line },
    word,
  };
}

function notUtf8Error({ lightningDir, lightningDirAt }: State): HoldfastError {
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
