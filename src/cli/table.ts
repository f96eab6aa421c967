/**
 * The commands and options of holdfast, in one table: what the word reader accepts, what --help shows, and the
 * types of what a command gets, all come from here. Pure.
 */
import { METHODS } from '../snapshot/record/placement.ts';

/** What `run --on-upgrade` may do. */
export const ON_UPGRADE = ['restart', 'notify'] as const;

/** What `--libraries` may say. */
export const LIBRARIES = ['hold', 'leave'] as const;

/** The networks of lightningd, as --network takes them (bitcoin/chainparams.c); scripts/completions.js reads it, too. */
export const NETWORKS = [
  'bitcoin',
  'testnet',
  'testnet4',
  'signet',
  'regtest',
  'liquid',
  'liquid-regtest',
  'litecoin',
  'litecoin-testnet',
] as const;

interface OptionSpec {
  /** what stands behind the `=` in the help; a flag has none */
  readonly value?: string;
  /** may it also stand without a value? */
  readonly valueOptional?: true;
  /** may it be given more than once? Its values are then joined by NULs, which no word can hold */
  readonly repeatable?: true;
  readonly help: string;
}

/** Every option, by name. An option with a value takes it behind `=`; a flag takes none. */
export const OPTIONS = {
  json: { help: 'one JSON object on stdout, for machines' },
  'snapshot-dir': { value: 'DIR', help: 'the store, instead of <lightning-dir>/subdaemons' },
  method: {
    value: METHODS.join('|'),
    help: 'force one placement of the installation; it fails where it cannot (default: auto); pin: run only',
  },
  'no-fallback': { help: 'fail where the store is noexec, instead of using another directory' },
  'no-gate': { help: 'skip the version checks (a mixed installation is then taken as it is)' },
  libraries: {
    value: LIBRARIES.join('|'),
    help: "keep the programs' shared libraries with the snapshot (default), or take the system's",
  },
  settle: {
    value: 'SECONDS',
    help: 'how long to wait for an upgrade to finish, or for another launch in the store (default: 30)',
  },
  from: {
    value: 'ARCHIVE',
    help: 'take the installation from a release archive (.tar, .tar.gz, .tar.xz, .tar.zst)',
  },
  sha256: { value: 'HEX', help: 'with --from: refuse an archive with another SHA-256' },
  sums: { value: 'SHA256SUMS', help: 'with --from: refuse an archive that this file does not vouch for' },
  'expect-root': { value: 'HEX', help: 'refuse any other root' },
  confine: {
    value: 'best-effort',
    valueOptional: true,
    help: 'let lightningd execute nothing but the snapshot and what its configuration names (Landlock)',
  },
  'allow-exec': {
    value: 'PATH',
    repeatable: true,
    help: 'with --confine: allow this program or directory too',
  },
  'on-upgrade': {
    value: ON_UPGRADE.join('|'),
    help: 'stay as the parent; when another version is installed completely, restart lightningd, or say so',
  },
  'restart-window': { value: 'HH:MM-HH:MM', help: 'with --on-upgrade=restart: only at this time of day' },
  'restart-if': {
    value: 'COMMAND',
    help: 'with --on-upgrade=restart: only if this shell command ends with status 0, within a minute',
  },
  graceful: {
    value: 'SECONDS',
    help: 'with --on-upgrade=restart: how long lightningd may finish its HTLCs first (default: 20; 0: not asked)',
  },
  'or-plain': {
    help: 'where no snapshot can be had, start the installed lightningd as it is; never where the gate or --expect-root refuses',
  },
  use: {
    value: 'SNAPSHOT',
    help: 'run this snapshot of the store as it is, whatever is installed: to go back to what ran before',
  },
  'lightning-dir': { value: 'DIR', help: "the node's directory (default: ~/.lightning)" },
  network: { value: 'NAME', help: 'the network (default: bitcoin)' },
  conf: { value: 'FILE', help: "lightningd's configuration file" },
  running: { help: 'also hash what the processes of the nodes execute' },
  proof: { value: 'FILE', help: 'check one file against an inclusion proof; needs --expect-root' },
  openmetrics: { help: "metrics for node_exporter's textfile collector" },
  after: { help: 'after an upgrade: what must be restarted now' },
  'dry-run': { help: 'take the snapshot beside the store, say what came of it, and leave nothing' },
  print: { help: 'print the drop-in that would be written, and write nothing' },
  undo: { help: 'take the drop-in back' },
  user: { help: "a unit of the user's own manager, as with systemctl --user" },
  quiet: { help: 'stderr only for errors' },
  verbose: { help: 'say what was done, file by file' },
} as const satisfies Record<string, OptionSpec>;

export type OptionName = keyof typeof OPTIONS;

interface CommandSpec {
  /** what stands behind the options in the usage line */
  readonly usage: string;
  readonly summary: string;
  readonly options: readonly OptionName[];
  /** what follows the options: lightningd's command line, plain operands, or lightningd behind `--` only */
  readonly operands: 'lightningd' | 'plain';
  /** how many plain operands there may be */
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly examples: readonly string[];
}

const EVERYWHERE = ['quiet', 'verbose'] as const;
const NODE = ['lightning-dir', 'network', 'conf'] as const;
const TAKE = [
  'snapshot-dir',
  'method',
  'no-fallback',
  'no-gate',
  'libraries',
  'settle',
  'expect-root',
  'from',
  'sha256',
  'sums',
] as const;
/** What `run` takes and `snapshot` does not. */
export const RUN_ONLY = [
  'or-plain',
  'use',
  'confine',
  'allow-exec',
  'on-upgrade',
  'restart-window',
  'restart-if',
  'graceful',
] as const;

/** Every command, in the order of the help. */
export const COMMANDS = {
  run: {
    usage: '[--] [LIGHTNINGD [ARG…]]',
    summary: 'take a snapshot of the installation, then become its lightningd',
    options: [...TAKE, ...RUN_ONLY, ...EVERYWHERE],
    operands: 'lightningd',
    examples: [
      'holdfast run lightningd --network=bitcoin',
      'holdfast run --method=copy /usr/bin/lightningd --daemon',
      'holdfast run --from=clightning-v25.12-ubuntu-24.04-amd64.tar.xz -- --network=bitcoin',
    ],
  },
  snapshot: {
    usage: '[--] [LIGHTNINGD [ARG…]]',
    summary: 'the same without the launch: build it, print where it is',
    options: [...TAKE, 'dry-run', 'json', ...EVERYWHERE],
    operands: 'lightningd',
    examples: [
      'holdfast snapshot lightningd --lightning-dir=/var/lib/lightning',
      'holdfast snapshot --dry-run lightningd',
    ],
  },
  verify: {
    usage: '[SNAPSHOT]',
    summary: 'is the snapshot what its manifest says?',
    options: ['running', 'expect-root', 'proof', 'snapshot-dir', ...NODE, 'json', ...EVERYWHERE],
    operands: 'plain',
    atMost: 1,
    examples: [
      'holdfast verify',
      'holdfast verify --running',
      'holdfast verify --proof=PROOF.json --expect-root=HEX FILE',
    ],
  },
  'noexec-check': {
    usage: '[DIR…]',
    summary: 'can these directories hold programs? which would be used?',
    options: ['snapshot-dir', ...NODE, 'json', ...EVERYWHERE],
    operands: 'plain',
    examples: ['holdfast noexec-check', 'holdfast noexec-check /mnt/data/lightning'],
  },
  status: {
    usage: '',
    summary: 'what runs, from which snapshot; is a restart pending?',
    options: ['snapshot-dir', ...NODE, 'json', 'openmetrics', ...EVERYWHERE],
    operands: 'plain',
    atMost: 0,
    examples: ['holdfast status', 'holdfast status --json'],
  },
  guard: {
    usage: '[-- LIGHTNINGD…]',
    summary: 'for package managers: may this installation be replaced now?',
    options: ['after', 'json', ...EVERYWHERE],
    operands: 'plain',
    examples: ['holdfast guard', 'holdfast guard --after -- /usr/bin/lightningd'],
  },
  adopt: {
    usage: '[UNIT]',
    summary: "put 'holdfast run' in front of a systemd unit's lightningd, by a drop-in; restart nothing",
    options: ['print', 'undo', 'user', 'json', ...EVERYWHERE],
    operands: 'plain',
    atMost: 1,
    examples: ['holdfast adopt --print', 'holdfast adopt lightningd.service', 'holdfast adopt --undo'],
  },
  doctor: {
    usage: '[UNIT]',
    summary: 'all that holdfast leans on, each with what is wrong and what to do',
    options: ['snapshot-dir', ...NODE, 'user', 'json', ...EVERYWHERE],
    operands: 'plain',
    atMost: 1,
    examples: ['holdfast doctor', 'holdfast doctor --lightning-dir=/var/lib/bitcoin/lightning'],
  },
  root: {
    usage: 'PATH',
    summary: 'the root of an installation, a snapshot, a manifest or a release archive',
    options: ['json', ...EVERYWHERE],
    operands: 'plain',
    atLeast: 1,
    atMost: 1,
    examples: ['holdfast root /usr', 'holdfast root ~/.lightning/subdaemons/current'],
  },
  export: {
    usage: 'SNAPSHOT FILE.tar.gz',
    summary: 'a snapshot as a reproducible archive, which --from takes back',
    options: ['snapshot-dir', ...NODE, 'json', ...EVERYWHERE],
    operands: 'plain',
    atLeast: 2,
    atMost: 2,
    examples: ['holdfast export current lightning-v25.12.tar.gz'],
  },
  prove: {
    usage: 'FILE',
    summary: 'inclusion proof of one file in a snapshot',
    options: ['snapshot-dir', ...NODE, 'json', ...EVERYWHERE],
    operands: 'plain',
    atLeast: 1,
    atMost: 1,
    examples: [
      'holdfast prove ~/.lightning/subdaemons/current/bin/lightningd',
      'holdfast prove --lightning-dir=/var/lib/lightning bin/lightningd',
    ],
  },
} as const satisfies Record<string, CommandSpec>;

export type CommandName = keyof typeof COMMANDS;

/** The table seen without its literal types, for code that works on any command. */
export const commandSpecs: Readonly<Record<CommandName, CommandSpec>> = COMMANDS;
export const optionSpecs: Readonly<Record<OptionName, OptionSpec>> = OPTIONS;

/** Is this the name of a command? */
export function isCommandName(word: string): word is CommandName {
  return Object.hasOwn(COMMANDS, word);
}
