/**
 * The next start, rehearsed: a unit of its own, with all directives of the unit's [Service], takes a dry snapshot in place
 * of the start. So what the unit forbids (a system call of Node's, a read-only lightning-dir, a holdfast that its user
 * cannot reach) is found before the drop-in is written. The unit itself is neither started nor stopped, and nothing of
 * the rehearsal is left.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { quote, systemError } from '../../errors.ts';
import { STORE_NAME } from '../../snapshot/store/layout.ts';
import type { SnapshotResult } from '../snapshot.ts';
import { type CommandLine, quoteWord, wrap } from './command-line.ts';
import type { AdoptCheck } from './report.ts';
import type { Systemd } from './systemctl.ts';
import type { Unit } from './unit.ts';
import { valuesOf } from './unit-file.ts';

/** What is rehearsed. */
export interface Rehearsal {
  readonly unit: Unit;
  readonly line: CommandLine;
  readonly holdfast: string;
  readonly node: string | undefined;
  /** /run, or the user's own runtime directory */
  readonly runtime: string;
  readonly pid: number;
}

/** Settings that make a start what it is: the rehearsal has its own. */
const REPLACED = [
  'Type=oneshot',
  'ExitType=main',
  'ExecCondition=',
  'ExecStartPre=',
  'ExecStartPost=',
  'ExecReload=',
  'ExecStop=',
  'ExecStopPost=',
  'Restart=no',
  'RestartForceExitStatus=',
  'RemainAfterExit=no',
  'PIDFile=',
  'BusName=',
  'Sockets=',
  'WatchdogSec=0',
  'RuntimeMaxSec=infinity',
  'TimeoutStartSec=240',
  'SuccessExitStatus=',
  'StandardInput=null',
];

/** What came of it. */
export interface Rehearsed {
  readonly checks: readonly AdoptCheck[];
  /** what lightningd says of its version; undefined where no snapshot was had */
  readonly version: string | undefined;
  /** the node's directory, where the store is in it */
  readonly lightningDir: string | undefined;
}

/** Rehearses. @throws HoldfastError `SYSTEM` where its files cannot be written */
export function rehearse(systemd: Systemd, rehearsal: Rehearsal): Rehearsed {
  const { unit, runtime, pid } = rehearsal;
  const instance = /@.*(?=\.service$)/.exec(unit.name)?.[0] ?? '';
  const name = `holdfast-rehearsal-${pid}${instance}.service`;
  const units = join(runtime, 'systemd', systemd.isUser ? 'user' : 'system');
  const file = join(units, name);
  const scratch = makeScratch(runtime);
  try {
    mkdirSync(units, { recursive: true });
    writeFileSync(file, rehearsalUnit(rehearsal, scratch), { flag: 'wx', mode: 0o644 });
    const started = systemd.systemctl('start', name);
    const { Result = '', ExecMainStatus = '' } = systemd.show(name, ['Result', 'ExecMainStatus']);
    const [stdout, stderr] = ['stdout', 'stderr'].map(kind => readIfThere(join(scratch, kind)));
    if (started.status === 0) return judgeSnapshot(stdout ?? '');
    const check = failed(Result, Number(ExecMainStatus), stderr ?? '', started.stderr);
    return { checks: [check], version: undefined, lightningDir: undefined };
  } catch (error) {
    throw systemError('write the unit of the rehearsal', file, error);
  } finally {
    rmSync(file, { force: true });
    systemd.systemctl('reset-failed', name); // "not loaded" where it did not fail
    rmSync(scratch, { recursive: true, force: true });
  }
}

function makeScratch(runtime: string): string {
  try {
    return mkdtempSync(join(runtime, 'holdfast-rehearsal-'));
  } catch (error) {
    throw systemError('make a directory in', runtime, error);
  }
}

/** All of [Service], specifiers that tell the unit's name replaced, and behind it what is different in a rehearsal. */
export function rehearsalUnit({ unit, line, holdfast, node, runtime }: Rehearsal, scratch: string): string {
  const own = unit.service.map(({ name, value }) => `${name}=${withNameOf(unit.name, value)}`);
  const isDynamic = /^(1|yes|true|on)$/i.test(valuesOf(unit.service, 'DynamicUser').at(-1) ?? '');
  const words = ['snapshot', '--dry-run', '--json'];
  const lines = [
    '[Unit]',
    `Description=Rehearsal of the start of ${unit.name} under holdfast`,
    '[Service]',
    ...own,
    ...REPLACED,
    ...(isDynamic && unit.user === null ? [`User=${prefixOf(unit.name)}`] : []),
    // what a running node uses is not taken away when the rehearsal ends
    ...(unit.runtimeDirectories.some(path => existsSync(join(runtime, path)))
      ? ['RuntimeDirectoryPreserve=yes']
      : []),
    ...(node === undefined
      ? []
      : [`Environment=${quoteWord(`HOLDFAST_NODE=${node.replaceAll('%', '%%')}`)}`]),
    `StandardOutput=file:${scratch}/stdout`,
    `StandardError=file:${scratch}/stderr`,
    'ExecStart=',
    `ExecStart=${withNameOf(unit.name, wrap(line, holdfast, words)).replace(/^-/, '')}`,
  ];
  return lines.map(text => `${text}\n`).join('');
}

/** `%n`, `%N`, `%p`, `%P` and `%j` as they are in the unit: the rehearsal has another name (systemd.unit(5)). */
function withNameOf(name: string, value: string): string {
  const bare = name.replace(/\.service$/, '');
  const prefix = prefixOf(name);
  const meanings: Readonly<Record<string, string>> = {
    n: name,
    N: bare,
    p: prefix,
    P: unescapeName(prefix),
    j: prefix.slice(prefix.lastIndexOf('-') + 1),
  };
  return value.replace(/%(.)/g, (specifier, letter: string) => meanings[letter] ?? specifier);
}

function prefixOf(name: string): string {
  return name.replace(/(@.*)?\.service$/, '');
}

/** systemd-escape(1), backwards. */
function unescapeName(name: string): string {
  return name
    .replaceAll('-', '/')
    .replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** What `snapshot --dry-run --json` printed (commands/snapshot.ts). */
function judgeSnapshot(stdout: string): Rehearsed {
  const result = parseResult(stdout);
  if (result === undefined) return { checks: [NOTHING_SAID], version: undefined, lightningDir: undefined };
  const { version, files, placements, libraries, path, fallback } = result;
  const how = Object.entries(placements)
    .filter(([, count]) => count > 0)
    .map(([method, count]) => `${count} by ${method}`)
    .join(', ');
  const directory = dirname(path);
  const store = quote(directory);
  const checks: AdoptCheck[] = [
    {
      name: 'noexec',
      verdict: 'ok',
      reason:
        fallback === null
          ? `${store} can hold programs`
          : `the store cannot hold programs: ${store} (${fallback}) will be used`,
    },
    {
      name: 'snapshot',
      verdict: 'ok',
      reason: `${version}, ${files} files (${how}), ${libraries === null ? 'no' : libraries.files} libraries held, tried under the unit's own directives; nothing is left of it`,
    },
  ];
  return {
    checks,
    version,
    lightningDir: fallback === null && basename(directory) === STORE_NAME ? dirname(directory) : undefined,
  };
}

const NOTHING_SAID: AdoptCheck = {
  name: 'snapshot',
  verdict: 'finding',
  reason:
    'it ended well, and what it printed is no result: something else was started in the place of holdfast',
};

function parseResult(stdout: string): SnapshotResult | undefined {
  try {
    return JSON.parse(stdout);
  } catch {
    return undefined; // said as a finding
  }
}

/** systemd's own exit statuses, and how it words them (systemd.exec(5), PROCESS EXIT CODES). */
const STATUS_WORDS: Readonly<Record<number, string>> = {
  200: 'the working directory (WorkingDirectory=) cannot be entered',
  203: 'holdfast cannot be executed by the user of the unit, or within what the unit lets it see',
  216: 'the group (Group=) is not there',
  217: 'the user (User=) is not there',
  226: 'the name space of files that the unit asks for cannot be made',
};

/** holdfast's own words say most; where it did not come to any, how systemd says that it went. */
function failed(result: string, status: number, own: string, systemctl: string): AdoptCheck {
  const lines = (text: string): string =>
    text
      .split('\n')
      .map(line => line.replace(/^holdfast: /, '').trim())
      .filter(Boolean)
      .join('; ');
  const bySignal = result === 'core-dump' || result === 'signal';
  const why = bySignal
    ? `a signal ended it (${status}): SystemCallFilter= without @pkey stops Node.js 20, docs/hardening.md has what works`
    : result === 'resources'
      ? 'systemd cannot make what the unit asks for: is each EnvironmentFile= there that has no - before its path?'
      : STATUS_WORDS[status];
  return {
    name: /holdfast: no snapshot can be had/.test(own) ? 'noexec' : 'snapshot',
    verdict: 'finding',
    reason:
      why ?? (lines(own) || lines(systemctl) || `it ended with ${result || 'failure'}, status ${status}`),
  };
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // the unit was not started at all
  }
}
