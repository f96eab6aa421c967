/**
 * `holdfast adopt`: puts `holdfast run` in front of the lightningd of a systemd unit, by a drop-in, after it has tried that
 * the next start will work; and takes it back. In order: read the unit, word the drop-in, check it, write it, have
 * systemd read it, look whether systemd would start it. Where a check fails nothing is written. Never starts, stops or
 * restarts the unit.
 */
import { basename, dirname } from 'node:path';
import { HoldfastError, quote } from '../errors.ts';
import { askReference } from '../lightning/installation/versions.ts';
import { worst } from '../verdict.ts';
import { type CommandLine, readCommandLine } from './adopt/command-line.ts';
import { type DropIn, makeDropIn } from './adopt/drop-in.ts';
import { dropInPath, removeDropIn, writeDropIn } from './adopt/drop-in-file.ts';
import {
  findProgram,
  isHoldfastByName,
  mayExecute,
  nodeFor,
  SYSTEMD_PATH,
  stableHoldfast,
} from './adopt/programs.ts';
import { rehearse } from './adopt/rehearse.ts';
import type { AdoptAction, AdoptCheck, AdoptedUnit, AdoptReport } from './adopt/report.ts';
import { Systemd } from './adopt/systemctl.ts';
import { DROP_IN_NAME, readUnit, type Unit, unitName } from './adopt/unit.ts';
import { checkLoaded, checkVerify } from './adopt/verify.ts';
import type { Context } from './context.ts';
import { shellWord } from './noexec/advice.ts';

/** What the operator asked for. */
export interface AdoptOptions {
  /** as typed; undefined: lightningd.service */
  readonly unit: string | undefined;
  readonly action: AdoptAction;
  /** a unit of the user's own manager */
  readonly isUser: boolean;
  /** the Node.js that runs now */
  readonly node: string;
}

/** Adopts, prints or takes back. @throws HoldfastError */
export async function adopt(options: AdoptOptions, context: Context): Promise<AdoptReport> {
  const { action, isUser } = options;
  const systemd = new Systemd(context, isUser);
  const name = unitName(options.unit ?? 'lightningd.service');
  if (action !== 'print') refuseOrdinaryUser(isUser, name, context);
  if (action === 'undo') return undo(systemd, name, context);
  if (action === 'adopt' && systemd.show(name, ['NeedDaemonReload']).NeedDaemonReload === 'yes')
    reload(systemd);
  const unit = readUnit(systemd, name);
  const file = dropInPath(systemd.isUser, unit.name, context);
  const line = isHoldfastByName(systemd.programOf(unit.name), context) ? undefined : readStart(unit);
  if (line === undefined) {
    const notes = ['ExecStart= has holdfast already: nothing is changed'];
    return { ...plainReport(action, unit, file), was: unit.execStart, becomes: unit.execStart, notes };
  }
  const facts = { line, ...findPrograms(systemd, unit, line, options, context) };
  const rehearsed = action === 'adopt' ? tryStart(systemd, unit, facts, context) : undefined;
  const version = rehearsed?.version ?? (await askPlainly(facts.program, context));
  const dropIn = makeDropIn(unit, { ...facts, version });
  const checks = [checkVerify(systemd, unit, dropIn.text), ...(rehearsed?.checks ?? [])];
  const isFine = checks.every(({ verdict }) => verdict !== 'finding');
  const changed = action === 'adopt' && isFine && writeDropIn(file, dropIn.text);
  if (action === 'adopt' && isFine) {
    reload(systemd);
    checks.push(checkLoaded(systemd, unit.name, facts.holdfast));
  }
  const later =
    rehearsed?.lightningDir === undefined
      ? []
      : [`once it is restarted: holdfast status --lightning-dir=${shellWord(rehearsed.lightningDir)}`];
  return reportOf(action, unit, file, { ...dropIn, notes: [...dropIn.notes, ...later] }, changed, checks);
}

function reportOf(
  action: AdoptAction,
  unit: Unit,
  file: string,
  { text, becomes, notes }: DropIn,
  changed: boolean,
  checks: readonly AdoptCheck[],
): AdoptReport {
  return {
    ...plainReport(action, unit, file),
    verdict: worst(checks.map(({ verdict }) => verdict)),
    was: unit.execStart,
    becomes,
    text,
    changed,
    checks,
    notes,
  };
}

function plainReport(action: AdoptAction, unit: AdoptedUnit, file: string): AdoptReport {
  const { name, fragment, dropIns, type, user, pid } = unit;
  return {
    verdict: 'ok',
    action,
    unit: { name, fragment, dropIns, type, user, pid },
    was: null,
    becomes: null,
    file,
    text: null,
    changed: false,
    checks: [],
    notes: [],
  };
}

function refuseOrdinaryUser(isUser: boolean, name: string, { uid }: Context): void {
  if (isUser || uid === 0) return;
  throw new HoldfastError('WRONG_USER', 'the drop-ins of the machine are written by root', {
    hint: [`sudo holdfast adopt ${name}`, `holdfast adopt --print ${name} shows what it would write`],
  });
}

/** What starts lightningd; undefined where it is holdfast already. @throws HoldfastError `UNSUPPORTED` */
function readStart(unit: Unit): CommandLine | undefined {
  const line = readCommandLine(unit.execStart);
  const name = basename(line.program);
  const words = [line.program, ...line.args.map(({ text }) => text)]; // it may stand behind env, nice and the like
  const own = words.findIndex(word => basename(word) === 'holdfast');
  if (own >= 0 && words.indexOf('run', own) > own) return undefined;
  if (name !== 'lightningd') {
    throw new HoldfastError(
      'UNSUPPORTED',
      `${unit.name} starts ${quote(line.program)}, not lightningd: a drop-in cannot tell where that starts it`,
      {
        path: unit.fragment,
        hint: `put 'holdfast run' in front of lightningd in ${quote(line.program)} or its arguments`,
      },
    );
  }
  if (line.program.includes('/')) return line;
  const found = findProgram(line.program, SYSTEMD_PATH);
  if (found !== undefined) return { ...line, program: found };
  throw new HoldfastError(
    'NOT_FOUND',
    `there is no ${quote(line.program)} where systemd looks: ${SYSTEMD_PATH}`,
    {
      path: unit.fragment,
      hint: `name it with its path in ExecStart= of ${unit.name}`,
    },
  );
}

/** The programs that the drop-in names, and the one that the unit starts. */
function findPrograms(
  systemd: Systemd,
  unit: Unit,
  line: CommandLine,
  { node }: AdoptOptions,
  context: Context,
) {
  const program = systemd.programOf(unit.name) ?? line.program;
  const environment = systemd.environmentOf(unit.name);
  const needsNode = environment.HOLDFAST_NODE === undefined;
  return {
    program,
    holdfast: stableHoldfast(context),
    node: needsNode ? nodeFor(environment.PATH ?? SYSTEMD_PATH, node, context.uid) : undefined,
    hasCli: findProgram('lightning-cli', dirname(program)) !== undefined,
  };
}

function tryStart(
  systemd: Systemd,
  unit: Unit,
  facts: { readonly line: CommandLine; readonly holdfast: string; readonly node: string | undefined },
  { environment, uid, pid }: Context,
) {
  const runtime = systemd.isUser ? (environment.XDG_RUNTIME_DIR ?? `/run/user/${uid}`) : '/run';
  return rehearse(systemd, { unit, ...facts, runtime, pid });
}

/** lightningd's version where there was no rehearsal that could tell. */
async function askPlainly(program: string, { uid }: Context): Promise<string | undefined> {
  return mayExecute(program, uid) ? askReference(dirname(program), basename(program)) : undefined;
}

/** Removes the drop-in, whatever the unit has become meanwhile. */
function undo(systemd: Systemd, name: string, context: Context): AdoptReport {
  const shown = systemd.show(name, ['Id', 'FragmentPath', 'DropInPaths', 'Type', 'User', 'MainPID']);
  const unit: AdoptedUnit = {
    name: shown.Id ?? name,
    fragment: shown.FragmentPath ?? '',
    dropIns:
      shown.DropInPaths?.split(' ').filter(path => path !== '' && !path.endsWith(`/${DROP_IN_NAME}`)) ?? [],
    type: shown.Type ?? '',
    user: shown.User || null,
    pid: Number(shown.MainPID) || null,
  };
  const file = dropInPath(systemd.isUser, unit.name, context);
  const report = plainReport('undo', unit, file);
  if (!removeDropIn(file)) return { ...report, notes: [`there is no ${quote(file)}: nothing to take back`] };
  reload(systemd);
  return { ...report, changed: true };
}

/** What `systemctl edit` does too. It restarts nothing. */
function reload(systemd: Systemd): void {
  const { status, stderr } = systemd.systemctl('daemon-reload');
  if (status === 0) return;
  throw new HoldfastError('SYSTEM', `systemctl daemon-reload failed: ${stderr.trim()}`, {
    hint: 'systemd reads the drop-in once this works: systemctl daemon-reload',
  });
}
