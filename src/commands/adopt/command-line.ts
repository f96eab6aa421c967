/**
 * A command line of systemd (systemd.service(5), COMMAND LINES) as words, each as it is written and as it is meant; and
 * the same with `holdfast run` in front. What is written stays as it is: quotes, specifiers, variables. Follows
 * extract_first_word() of systemd's src/basic/extract-word.c. Pure.
 */
import { HoldfastError } from '../../errors.ts';

/** A word of a command line. */
export interface Word {
  /** as written, quotes included */
  readonly raw: string;
  /** without quotes and backslashes; specifiers and variables unexpanded */
  readonly text: string;
}

/** A command line with its program's prefixes apart. */
export interface CommandLine {
  /** of `-`, `@`, `:`, `+`, `!`, as written */
  readonly prefixes: string;
  /** the program's path or name */
  readonly program: string;
  /** with the prefix `@`: what it would get as argv[0] */
  readonly argv0: Word | undefined;
  readonly args: readonly Word[];
}

/** `|` (a shell in between) is not among them: lightningd would not be the process that is started. */
const PREFIXES = new Set(['-', '@', ':', '+', '!']);

/** Reads one value of ExecStart=. @throws HoldfastError `UNSUPPORTED` for what no drop-in of ours can keep */
export function readCommandLine(value: string): CommandLine {
  const [first, ...rest] = splitWords(value);
  if (first === undefined) throw unsupported(value, 'it is empty');
  if (rest.some(({ raw }) => raw === ';'))
    throw unsupported(value, 'it has several commands, with ; in between');
  let at = 0;
  while (PREFIXES.has(first.text[at] ?? '')) at++;
  const prefixes = first.text.slice(0, at);
  const program = first.text.slice(at);
  if (!/^[/\w%]/.test(program)) throw unsupported(value, `the prefix ${program[0] ?? ''} is not known`);
  const hasArgv0 = prefixes.includes('@');
  if (hasArgv0 && rest.length === 0) throw unsupported(value, 'the prefix @ needs a second word');
  return { prefixes, program, argv0: hasArgv0 ? rest[0] : undefined, args: hasArgv0 ? rest.slice(1) : rest };
}

/**
 * The same command behind holdfast: `words` are what stands between the prefixes and lightningd. The prefix `@` goes: what
 * it makes argv[0] would say nothing of where lightningd is, and holdfast sets it.
 */
export function wrap(line: CommandLine, holdfast: string, words: readonly string[]): string {
  const prefixes = line.prefixes.replaceAll('@', '');
  // variables are expanded in arguments, not in the program's name
  const program = prefixes.includes(':') ? line.program : line.program.replaceAll('$', '$$$$');
  const parts = [...words, quoteWord(program), ...line.args.map(({ raw }) => raw)];
  return `${prefixes}${quoteWord(holdfast.replaceAll('%', '%%'))} ${parts.join(' ')}`;
}

/** A word that systemd reads as this text; specifiers and variables in it keep their meaning. */
export function quoteWord(text: string): string {
  return /^[\w./%$@:=,+-]+$/.test(text) ? text : `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** Splits at blanks outside of quotes. @throws HoldfastError `UNSUPPORTED` where a quote is not closed */
export function splitWords(value: string): Word[] {
  const words: Word[] = [];
  let raw = '';
  let text = '';
  let quote = '';
  const end = (): void => {
    if (raw !== '') words.push({ raw, text });
    raw = '';
    text = '';
  };
  for (let at = 0; at < value.length; at++) {
    const char = value[at]!; // at is below the length
    if (char === '\\') {
      const [written, meaning] = readEscape(value.slice(at));
      raw += written;
      text += meaning;
      at += written.length - 1;
    } else if (quote === '' && /[ \t\n\r]/.test(char)) {
      end();
    } else {
      raw += char;
      if (quote === '' && (char === '"' || char === "'")) quote = char;
      else if (char === quote) quote = '';
      else text += char;
    }
  }
  if (quote !== '') throw unsupported(value, `the quote ${quote} is not closed`);
  end();
  return words;
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  s: ' ',
};

/** An escape at the beginning of `rest`, as written and as meant (cunescape_one() of src/basic/escape.c). */
function readEscape(rest: string): [written: string, meaning: string] {
  const number = /^\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))/.exec(rest);
  if (number !== null) {
    const [written, x, u, long, octal] = number;
    const code = Number.parseInt(x ?? u ?? long ?? octal ?? '', octal === undefined ? 16 : 8);
    return [written, String.fromCodePoint(Math.min(code, 0x10ffff))];
  }
  const char = rest[1] ?? '';
  return [`\\${char}`, SIMPLE_ESCAPES[char] ?? char];
}

function unsupported(value: string, why: string): HoldfastError {
  return new HoldfastError('UNSUPPORTED', `ExecStart=${value} cannot be put behind holdfast: ${why}`, {
    hint: "write the drop-in by hand: put 'holdfast run' in front of lightningd (systemctl edit UNIT)",
  });
}
