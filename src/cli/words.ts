/**
 * Reads holdfast's own words of the command line: strictly, by the table. Values stand behind `=` and stay strings
 * (an option parser that guesses would turn the root 001122 into the number 1122). lightningd's words are not looked
 * at: they stay the bytes that they were. Pure.
 */
import { HoldfastError, quote } from '../errors.ts';
import { nearest } from './did-you-mean.ts';
import { type CommandName, commandSpecs, isCommandName, type OptionName, optionSpecs } from './table.ts';

/** Options as given: a string for one with a value, true for a flag. */
export type GivenOptions = Readonly<Partial<Record<OptionName, string | true>>>;

/** What the command line asks for. */
export type Request =
  | { readonly kind: 'help'; readonly command: CommandName | undefined }
  | { readonly kind: 'version' }
  | {
      readonly kind: 'command';
      readonly command: CommandName;
      readonly options: GivenOptions;
      /** for a command with lightningd's command line: what stands at its place, if anything */
      readonly lightningd: Buffer | undefined;
      /** lightningd's arguments, or the plain operands */
      readonly operands: readonly Buffer[];
    };

/**
 * Reads the words behind the program's name.
 * @param invokedAs the name it was started under: `lightningd` acts as `run`, all words being lightningd's
 * @throws HoldfastError `USAGE`
 */
export function readWords(words: readonly Buffer[], invokedAs: string): Request {
  if (invokedAs === 'lightningd') {
    return { kind: 'command', command: 'run', options: {}, lightningd: undefined, operands: words };
  }
  const first = words[0]?.toString();
  if (first === undefined)
    throw new HoldfastError('USAGE', 'a command is missing', { hint: 'holdfast --help' });
  if (first === '--help' || first === '-h') return { kind: 'help', command: undefined };
  if (first === 'help') return readHelp(words.slice(1));
  if (first === '--version' || first === '-V') return { kind: 'version' };
  if (first.startsWith('-')) {
    const command = words.map(String).find(isCommandName);
    const hint = command === undefined ? 'holdfast --help' : `holdfast ${command} ${first}`;
    throw new HoldfastError('USAGE', `the command comes first, before ${quote(first)}`, { hint });
  }
  if (!isCommandName(first)) {
    throw new HoldfastError('USAGE', `there is no command ${quote(first)}`, { hint: suggest(first) });
  }
  return readCommand(first, words.slice(1));
}

/** Is there a --json among words of ours? For those that readWords refuses: how to tell it is still to be known. */
export function asksForJson(words: readonly Buffer[]): boolean {
  const command = words[0]?.toString() ?? '';
  const takesLightningd = isCommandName(command) && commandSpecs[command].operands === 'lightningd';
  for (const [index, bytes] of words.entries()) {
    const word = bytes.toString();
    if (word === '--json') return true;
    if (word === '--' || (takesLightningd && index > 0 && !word.startsWith('-'))) return false;
  }
  return false;
}

function readHelp(words: readonly Buffer[]): Request {
  const command = words[0]?.toString();
  if (command === undefined) return { kind: 'help', command: undefined };
  if (isCommandName(command)) return { kind: 'help', command };
  throw new HoldfastError('USAGE', `there is no command ${quote(command)}`, { hint: suggest(command) });
}

function readCommand(command: CommandName, words: readonly Buffer[]): Request {
  const spec = commandSpecs[command];
  const options: Partial<Record<OptionName, string | true>> = {};
  const plain: Buffer[] = [];
  let index = 0;
  let onlyOperands = false;
  for (; index < words.length; index++) {
    const bytes = words[index]!; // index is below length
    const word = bytes.toString();
    if (word === '--') {
      onlyOperands = true;
      index++;
      break;
    }
    if (!word.startsWith('-')) {
      if (spec.operands === 'lightningd') break;
      plain.push(bytes);
      continue;
    }
    if (word === '--help' || word === '-h') return { kind: 'help', command };
    readOption(command, word, options);
  }
  const rest = words.slice(index);
  if (spec.operands === 'lightningd') {
    // an archive has its lightningd in it: all words are that one's
    const hasName =
      options.from === undefined &&
      rest[0] !== undefined &&
      !(onlyOperands && rest[0].toString().startsWith('-'));
    return {
      kind: 'command',
      command,
      options,
      lightningd: hasName ? rest[0] : undefined,
      operands: hasName ? rest.slice(1) : rest,
    };
  }
  const operands = [...plain, ...rest];
  checkOperands(command, operands);
  return { kind: 'command', command, options, lightningd: undefined, operands };
}

/** Options of ours that lightningd has too: for `run` and `snapshot` they are lightningd's. */
const IS_BOTH = new Set(['lightning-dir', 'network', 'conf']);

function readOption(
  command: CommandName,
  word: string,
  options: Partial<Record<OptionName, string | true>>,
): void {
  const [, name = '', value] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
  const allowed: readonly string[] = commandSpecs[command].options;
  const usage = (message: string, hint = `holdfast ${command} --help`) =>
    new HoldfastError('USAGE', message, { hint });
  if (!allowed.includes(name)) {
    const isOurs = Object.hasOwn(optionSpecs, name);
    const isLightningds = commandSpecs[command].operands === 'lightningd' && (!isOurs || IS_BOTH.has(name));
    const meant = isOurs ? undefined : nearest(name, allowed);
    throw usage(
      isOurs ? `${command} takes no --${name}` : `${command} has no option ${quote(word)}`,
      meant !== undefined
        ? `did you mean: --${meant}`
        : isLightningds
          ? whereLightningdsStand(command, word, options)
          : undefined,
    );
  }
  const option = name as OptionName; // it stands in the table's list
  const { value: placeholder, valueOptional, repeatable } = optionSpecs[option];
  const before = options[option];
  if (placeholder === undefined && value !== undefined) throw usage(`--${name} takes no value`);
  if (placeholder !== undefined && !value && !(valueOptional && value === undefined)) {
    throw usage(`--${name} needs a value: --${name}=${placeholder}`);
  }
  const given = value ?? true;
  if (before === undefined) options[option] = given;
  else if (repeatable) options[option] = `${before}\0${given}`;
  else if (before !== given) throw usage(`--${name} is given twice`);
}

/** Behind its name; where an archive or a snapshot brings it, there is no name. */
function whereLightningdsStand(command: CommandName, word: string, { from, use }: GivenOptions): string {
  const [brings, value] = from !== undefined ? ['from', from] : ['use', use];
  return value === undefined
    ? `lightningd's own options stand behind its name: holdfast ${command} lightningd ${word}`
    : `lightningd's own options stand behind --: holdfast ${command} --${brings}=${value} -- ${word}`;
}

function checkOperands(command: CommandName, operands: readonly Buffer[]): void {
  const { atLeast = 0, atMost = Number.POSITIVE_INFINITY, usage } = commandSpecs[command];
  const hint = `holdfast ${command} --help`;
  if (operands.length < atLeast) throw new HoldfastError('USAGE', `${command} needs ${usage}`, { hint });
  if (operands.length > atMost) {
    throw new HoldfastError('USAGE', `${command} does not take ${quote(operands[atMost]!.toString())}`, {
      hint,
    });
  }
  // as a path it would mean the working directory, which may well be an installation or a snapshot
  if (operands.some(({ length }) => length === 0)) {
    const words = `${command} takes no empty word`;
    throw new HoldfastError('USAGE', words, { hint: 'is a variable of yours not set?' });
  }
}

/** `holdfast lightningd …` is the slip that the name of the tool invites; others stop typing too early. */
function suggest(word: string): string {
  if (/(^|\/)lightningd$/.test(word)) return `did you mean: holdfast run ${word} …`;
  const begun = Object.keys(commandSpecs).filter(name => word !== '' && name.startsWith(word));
  const meant = begun.length === 1 ? begun[0] : nearest(word, Object.keys(commandSpecs));
  return meant === undefined ? 'holdfast --help' : `did you mean: holdfast ${meant}`;
}
