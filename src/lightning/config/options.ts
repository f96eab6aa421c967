/**
 * What lightningd's own arguments and configuration files say about where it runs: the lightning-dir above all.
 * Follows initial_config_opts() and parse_configvars() of common/configdir.c and handle_early_opts() of
 * lightningd/options.c, step by step. What lightningd would reject is left for it to reject: such a setting counts for
 * nothing here. Never changes a word but a relative `--lightning-dir`, and never prints.
 */
import { HoldfastError, quote } from '../../errors.ts';
import { byteString, bytesOf, joinPath } from './byte-string.ts';
import { commandLineOptions, nameAndValue } from './command-line.ts';
import { type ConfigLine, readConfigFile } from './config-file.ts';
import { type FilesRead, type LightningOptions, toLightningOptions } from './lightning-options.ts';
import { configFileOf, type LaunchContext, matters, type Setting, settle } from './settings.ts';

/** Which configuration files are read, in which order. One that is there and cannot be read is an error, except with `ours`. */
const FILES = {
  configuration: ['--conf', 'base config', 'network config'],
  'only --conf': ['--conf'],
  ours: ['--conf', 'base config', 'network config'],
} as const;

type Reads = keyof typeof FILES;

/**
 * Reads `args` (lightningd's, without argv[0]) and the configuration files that they lead to:
 * 1. the command line;
 * 2. with `--conf`, that file and no other; it may name the lightning-dir;
 * 3. without, `<lightning-dir>/config`, which may name the network, then `<lightning-dir>/<network>/config`;
 * 4. after each, everything once more in the order files, command line: the last one wins.
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
  const words = commandLineOptions(args.map(byteString)).map<Setting>(option => ({
    name: option.name,
    value: option.value,
    source: 'command line',
    at: undefined,
    word: option.valueWord === undefined ? undefined : { index: option.valueWord, valueAt: option.valueAt },
  }));
  const lines: Setting[] = [];
  const files: FilesRead = { names: [], unreadable: [], missingConf: undefined };
  let state = settle(words, context);
  for (const source of state.answersOnly ? [] : FILES[reads]) {
    const path = configFileOf(source, state);
    if (path === undefined) continue;
    const take = (line: ConfigLine) => {
      const setting = { ...nameAndValue(line.text), source, at: line };
      if (matters(setting)) lines.push(setting);
    };
    const found = readConfigFile(path, take);
    const isMissing = found === undefined || found instanceof HoldfastError;
    if (isMissing && source === '--conf') files.missingConf = path;
    if (found instanceof HoldfastError) {
      if (reads !== 'ours') throw found;
      files.unreadable.push(found.message);
    } else if (found !== undefined) {
      files.names.push(...found);
    }
    state = settle([...lines, ...words], context);
  }
  return toLightningOptions(state, files);
}

/**
 * The same for a command that starts no lightningd and takes these three itself, with lightningd's defaults.
 * @throws HoldfastError as readLightningOptions, and `CONFIG` where the file that `--conf` names is not there
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
  const options = readLightningOptions(
    args.map(arg => Buffer.from(arg)),
    context,
    reads,
  );
  refuseMissingConf(options);
  return options;
}

/** Another lightning-dir than the one that was meant would be looked at, or written to. @throws HoldfastError `CONFIG` */
export function refuseMissingConf({ missingConf, unreadable }: LightningOptions): void {
  if (missingConf === undefined) return;
  const message = unreadable[0] ?? `there is no configuration file ${quote(missingConf)}`;
  throw new HoldfastError('CONFIG', message, {
    path: missingConf,
    hint: '--conf names the one that lightningd is started with',
  });
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
