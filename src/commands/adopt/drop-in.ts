/** The text of the drop-in that adopt writes. Pure. */
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { type CommandLine, quoteWord, readCommandLine, wrap } from './command-line.ts';
import type { Unit } from './unit.ts';
import { readSection, valuesOf } from './unit-file.ts';

/** What the drop-in depends on beside the unit. */
export interface DropInFacts {
  readonly line: CommandLine;
  /** the path of holdfast */
  readonly holdfast: string;
  /** Node.js, where the unit would not find one that will do */
  readonly node: string | undefined;
  /** what the installed lightningd says; undefined where it does not answer */
  readonly version: string | undefined;
  /** is there a lightning-cli beside it? */
  readonly hasCli: boolean;
}

/** A drop-in, and what is to be said of it. */
export interface DropIn {
  readonly text: string;
  readonly becomes: string;
  readonly notes: readonly string[];
}

const MARK = '# Written by holdfast adopt. SHA-256 of what follows: ';

/** Words the drop-in. */
export function makeDropIn(unit: Unit, facts: DropInFacts): DropIn {
  const { line, holdfast, node } = facts;
  const becomes = wrap(line, holdfast, ['run']);
  const stop = stopLines(unit, facts);
  const notes: string[] = [];
  if (line.argv0 !== undefined) {
    notes.push(
      `the prefix @ is left out: argv[0] is the path of lightningd in the snapshot, not ${line.argv0.raw}`,
    );
  }
  if (node !== undefined) notes.push(`the unit finds no Node.js that will do: HOLDFAST_NODE names ${node}`);
  if (stop.note !== undefined) notes.push(stop.note);
  const body = [
    `# holdfast adopt --undo ${unit.name} takes it back.`,
    '[Service]',
    ...(node === undefined
      ? []
      : [`Environment=${quoteWord(`HOLDFAST_NODE=${node.replaceAll('%', '%%')}`)}`]),
    'ExecStart=',
    `ExecStart=${becomes}`,
    ...stop.lines,
  ]
    .map(text => `${text}\n`)
    .join('');
  return { text: `${MARK}${digest(body)}\n${body}`, becomes, notes };
}

/** Is this a drop-in that adopt wrote, and as it was written? */
export function judgeDropIn(text: string): 'ours' | 'edited' | 'foreign' {
  if (!text.startsWith(MARK)) return 'foreign';
  const [first = '', ...rest] = text.split('\n');
  return first === `${MARK}${digest(rest.join('\n'))}` ? 'ours' : 'edited';
}

/** Does the drop-in start what the unit starts without it, or has the unit been changed since? */
export function isOfUnit(text: string, unit: Unit): boolean {
  const [start] = valuesOf(readSection(text), 'ExecStart');
  if (start === undefined) return false;
  const line = readCommandLine(start);
  return start === wrap(readCommandLine(unit.execStart), line.program, ['run']);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** `graceful` came with v26.06: no new HTLCs, then wait for those that are there (lightning-graceful(7)). */
export function hasGraceful(version: string | undefined): boolean {
  const [, year, month] = /^v(\d+)\.(\d+)/.exec(version ?? '') ?? [];
  return Number(year) > 26 || (Number(year) === 26 && Number(month) >= 6);
}

/** What of lightningd's words lightning-cli takes too, and needs in order to find the node. */
const CLI_VALUES = /^--(conf|lightning-dir|network|rpc-file)(=|$)/;
const CLI_FLAGS = /^--(mainnet|testnet|testnet4|signet|regtest)$/;

function stopLines(unit: Unit, { line, version, hasCli }: DropInFacts): { lines: string[]; note?: string } {
  if (valuesOf(unit.service, 'ExecStop').length > 0 || !hasGraceful(version)) return { lines: [] };
  const note = (why: string) => ({ lines: [], note: `no ExecStop= is added for a graceful stop: ${why}` });
  if (!hasCli) return note('there is no lightning-cli beside lightningd');
  if (line.prefixes.includes('+') || line.prefixes.includes('!'))
    return note('ExecStart= has other privileges than an ExecStop= would have');
  const words: string[] = [];
  for (let at = 0; at < line.args.length; at++) {
    const { raw, text } = line.args[at]!; // at is below the length
    if (CLI_FLAGS.test(text)) words.push(raw);
    else if (CLI_VALUES.test(text)) {
      words.push(raw);
      const value = text.includes('=') ? undefined : line.args[++at]?.raw;
      if (value !== undefined) words.push(value);
    } else if (text.startsWith('$')) {
      // it may name another lightning-dir: then lightning-cli would stop another node
      return note(`what ${raw} stands for may say where the node is`);
    }
  }
  const cli = quoteWord(`${dirname(line.program)}/lightning-cli`);
  const call = [cli, ...words].join(' ');
  return {
    lines: [
      '# Before v26.06 lightningd knows no graceful: the - forgives that.',
      `ExecStop=-${call} graceful 20`,
      `ExecStop=-${call} stop`,
    ],
  };
}
