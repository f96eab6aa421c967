/**
 * Splits lightningd's command line into its options, as gather_cmdline_args() of common/configdir.c does before any
 * plugin could register one. Pure; knows only which words belong together, not what they mean.
 */
import type { ByteString } from './byte-string.ts';

/** One option as lightningd sees it. */
export interface CommandLineOption {
  /** without the dashes; `version` for `-V` and `help` for `-h` */
  readonly name: ByteString;
  /** `--name=value` and `--name value` alike */
  readonly value: ByteString | undefined;
  /** index of the word that holds the value; undefined without one */
  readonly valueWord: number | undefined;
  /** where in that word the value begins */
  readonly valueAt: number;
}

/** Known to lightningd when it splits the words: what initial_config_opts() and handle_early_opts() register first. */
const TAKES_VALUE = new Set(['conf', 'lightning-dir', 'network', 'rpc-file']);
const TAKES_NONE = new Set([
  'testnet',
  'testnet4',
  'signet',
  'mainnet',
  'regtest',
  'version',
  'list-features-only',
  'developer',
]);

/**
 * The options among `words`, in order. `--` ends them. A word that does not begin with `-` is skipped, unless the
 * option before it takes it: one that is known by then takes the next word or not as it is registered, any other one
 * takes a next word that does not begin with `-`, by guess. A short option is its first letter, the rest is ignored.
 */
export function commandLineOptions(words: readonly ByteString[]): CommandLineOption[] {
  const options: CommandLineOption[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (word === '--') break;
    if (!word.startsWith('-')) continue;
    const isLong = word.startsWith('--');
    const { name, value } = isLong
      ? nameAndValue(word.slice(2))
      : { name: shortName(word), value: undefined };
    const next = words[i + 1];
    if (value !== undefined) {
      options.push({ name, value, valueWord: i, valueAt: word.length - value.length });
    } else if (next !== undefined && takesNext(name, isLong, next)) {
      i += 1;
      // configvar_unparsed(): a short option has no value, whatever word it has swallowed.
      options.push({ name, value: isLong ? next : undefined, valueWord: i, valueAt: 0 });
    } else {
      options.push({ name, value: undefined, valueWord: undefined, valueAt: 0 });
    }
  }
  return options;
}

/** `name=value` or `name`: opt_find_long() of ccan/opt. The whole name must match; abbreviations are none. */
export function nameAndValue(text: ByteString): { name: ByteString; value: ByteString | undefined } {
  const equals = text.indexOf('=');
  if (equals === -1) return { name: text, value: undefined };
  return { name: text.slice(0, equals), value: text.slice(equals + 1) };
}

function shortName(word: ByteString): ByteString {
  const letter = word.charAt(1);
  return letter === 'V' ? 'version' : letter === 'h' ? 'help' : `-${letter}`;
}

function takesNext(name: ByteString, isLong: boolean, next: ByteString): boolean {
  if (isLong && TAKES_VALUE.has(name)) return true;
  return !TAKES_NONE.has(name) && !next.startsWith('-');
}
