/**
 * What a sequence of lightningd's options amounts to, as parse_configvars() of common/configdir.c has it: each is
 * applied in order, so the last one wins, and some count only where they stand in the right place. Pure.
 */
import { type ByteString, byteString, joinPath } from './byte-string.ts';
import type { ConfigLine } from './config-file.ts';

/** Where lightningd is started. */
export interface LaunchContext {
  readonly cwd: string;
  /** HOME; undefined when it is not set */
  readonly home: string | undefined;
}

/** enum configvar_src of common/configvar.h: what an option may do depends on where it stands. */
type SettingSource = 'command line' | ConfigFile;

/** The configuration files that there may be. */
type ConfigFile = '--conf' | 'base config' | 'network config';

/** One option, wherever it stands. */
export interface Setting {
  readonly name: ByteString;
  readonly value: ByteString | undefined;
  readonly source: SettingSource;
  /** undefined on the command line */
  readonly at: ConfigLine | undefined;
  /** on the command line: the word that holds the value, and where in it the value begins */
  readonly word?: { readonly index: number; readonly valueAt: number } | undefined;
}

/** What the settings so far amount to. Everything is bytes until the end. */
export interface State {
  conf: ByteString | undefined;
  lightningDir: ByteString;
  /** the line that set it, for messages; undefined: the command line or the default */
  lightningDirAt: ConfigLine | undefined;
  network: string;
  pidFile: ByteString | undefined;
  rpcFile: ByteString | undefined;
  daemon: boolean;
  answersOnly: boolean;
  plugins: ByteString[];
  pluginDirs: ByteString[];
  disabled: Set<ByteString>;
  subdaemons: Map<ByteString, ByteString>;
  bitcoinCli: ByteString;
  /** what names or undoes plugins and subdaemons, in order */
  aboutPrograms: Setting[];
}

const NETWORK_ALIASES = new Map([
  ['mainnet', 'bitcoin'],
  ['testnet', 'testnet'],
  ['testnet4', 'testnet4'],
  ['signet', 'signet'],
  ['regtest', 'regtest'],
]);
const WITH_VALUE = new Set([
  'conf',
  'lightning-dir',
  'network',
  'pid-file',
  'rpc-file',
  'plugin',
  'important-plugin',
  'plugin-dir',
  'disable-plugin',
  'subdaemon',
  'bitcoin-cli',
]);
const FLAGS = new Set(['daemon', 'clear-plugins']);
const ANSWERS = new Set(['version', 'help', 'list-features-only', 'test-daemons-only']);

/** Options whose order counts, each with what went before: plugin.c, options.c. */
const ABOUT_PROGRAMS = new Set([
  'plugin',
  'important-plugin',
  'plugin-dir',
  'disable-plugin',
  'clear-plugins',
  'subdaemon',
]);

/** Does this option change anything that we need to know? Most of a configuration does not. */
export function matters({ name }: Setting): boolean {
  return WITH_VALUE.has(name) || FLAGS.has(name) || NETWORK_ALIASES.has(name) || ANSWERS.has(name);
}

/** What `settings` amount to, applied in order to lightningd's defaults. */
export function settle(settings: readonly Setting[], context: LaunchContext): State {
  const cwd = byteString(context.cwd);
  const state: State = {
    conf: undefined,
    lightningDir: joinPath(cwd, defaultLightningDir(cwd, context)),
    lightningDirAt: undefined,
    network: 'bitcoin',
    pidFile: undefined,
    rpcFile: undefined,
    daemon: false,
    answersOnly: false,
    plugins: [],
    pluginDirs: [],
    disabled: new Set(),
    subdaemons: new Map(),
    bitcoinCli: 'bitcoin-cli',
    aboutPrograms: settings.filter(({ name }) => ABOUT_PROGRAMS.has(name)),
  };
  for (const setting of settings) apply(state, setting, cwd);
  return state;
}

/** Where a configuration file is, by the settings so far: with `--conf` there is no other. @returns undefined for none */
export function configFileOf(
  source: ConfigFile,
  { conf, lightningDir, network }: State,
): ByteString | undefined {
  if (source === '--conf') return conf;
  if (conf !== undefined) return undefined;
  return joinPath(source === 'base config' ? lightningDir : joinPath(lightningDir, network), 'config');
}

/** default_base_configdir(): the current directory where HOME is not set; getpwuid(3) is never asked. */
function defaultLightningDir(cwd: ByteString, { home }: LaunchContext): ByteString {
  return home === undefined ? cwd : joinPath(byteString(home), '.lightning');
}

/** One option. A value that is missing or not wanted is an error of lightningd's, and counts for nothing here. */
function apply(state: State, { name, value: untrimmed, source, at }: Setting, cwd: ByteString): void {
  if (ANSWERS.has(name)) state.answersOnly = true;
  if (untrimmed === undefined) {
    applyFlag(state, name, source);
    return;
  }
  const value = trimEnd(untrimmed);
  switch (name) {
    case 'conf':
      if (source === 'command line') state.conf = joinPath(cwd, value);
      break;
    case 'lightning-dir':
      if (source === 'command line' || source === '--conf') {
        state.lightningDir = joinPath(cwd, value);
        state.lightningDirAt = at;
      }
      break;
    case 'network':
      if (source !== 'network config' && isNetworkName(value)) state.network = value;
      break;
    case 'pid-file':
      state.pidFile = value;
      break;
    case 'rpc-file':
      state.rpcFile = value;
      break;
    case 'plugin':
    case 'important-plugin':
      state.plugins.push(value);
      break;
    case 'plugin-dir':
      state.pluginDirs.push(value);
      break;
    case 'disable-plugin':
      state.disabled.add(value);
      break;
    case 'bitcoin-cli': // bcli's own option (bcli.c)
      state.bitcoinCli = value;
      break;
    case 'subdaemon': {
      const colon = value.indexOf(':');
      if (colon > 0) state.subdaemons.set(value.slice(0, colon), value.slice(colon + 1));
      break;
    }
  }
}

/** Options without a value; lightningd rejects one that is given a value. */
function applyFlag(state: State, name: ByteString, source: SettingSource): void {
  const network = NETWORK_ALIASES.get(name);
  if (network !== undefined && source !== 'network config') state.network = network;
  if (name === 'daemon') state.daemon = true;
  if (name === 'clear-plugins') {
    state.plugins.length = 0;
    state.pluginDirs.length = 0;
  }
}

/** trim_whitespace() of common/configvar.c: isspace(3) in the C locale. */
export function trimEnd(value: ByteString): ByteString {
  let end = value.length;
  while (end > 0 && ' \t\n\v\f\r'.includes(value.charAt(end - 1))) end -= 1;
  return value.slice(0, end);
}

/**
 * A network becomes a directory's name. Only lightningd knows which networks there are, and a new release may know a new
 * one; what cannot be a name of one it rejects, and the network stays as it was.
 */
function isNetworkName(value: ByteString): boolean {
  return /^[a-z0-9][a-z0-9_-]{0,63}$/i.test(value);
}
