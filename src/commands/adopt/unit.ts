/** The unit of a lightningd: what systemd says of it, and what its files say. Only reads. */
import { readFileSync } from 'node:fs';
import { codedError, HoldfastError, quote, typed } from '../../errors.ts';
import { splitWords } from './command-line.ts';
import type { AdoptedUnit } from './report.ts';
import type { Systemd } from './systemctl.ts';
import { type Assignment, readSection, valuesOf } from './unit-file.ts';

/** A unit, without the drop-in that adopt writes. */
export interface Unit extends AdoptedUnit {
  /** [Service] of its files, in the order in which they apply */
  readonly service: readonly Assignment[];
  /** the one ExecStart=, as written */
  readonly execStart: string;
  /** RuntimeDirectory=, expanded */
  readonly runtimeDirectories: readonly string[];
}

/** Sorts behind what `systemctl edit` writes (override.conf): the last ExecStart= counts. */
export const DROP_IN_NAME = 'zz-holdfast.conf';

const PROPERTIES = [
  'Id',
  'LoadState',
  'FragmentPath',
  'DropInPaths',
  'Type',
  'User',
  'MainPID',
  'NeedDaemonReload',
  'RuntimeDirectory',
] as const;

/** systemd.unit(5): what else ends in a dot and letters is the name of an instance, as `lightningd@my.node`. */
const SUFFIX = /\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)$/;

/** A name as systemctl takes it: without a suffix it is a service. @throws HoldfastError `USAGE` */
export function unitName(word: string): string {
  const name = SUFFIX.test(word) ? word : `${word}.service`;
  if (!/^[\w:.\\@-]+\.service$/.test(name)) {
    throw new HoldfastError('USAGE', `${quote(word)} is no name of a service`, {
      hint: 'holdfast adopt lightningd.service',
    });
  }
  if (name.endsWith('@.service')) {
    throw new HoldfastError('USAGE', `${name} is a template: adopt its instances, one by one`, {
      hint: `holdfast adopt ${name.replace('@.', '@INSTANCE.')}`,
    });
  }
  return name;
}

/** Reads the unit. @throws HoldfastError `NOT_FOUND`; `UNSUPPORTED` for one that cannot be adopted; `UNREADABLE` */
export function readUnit(systemd: Systemd, name: string): Unit {
  const shown = systemd.show(name, PROPERTIES);
  const { LoadState, FragmentPath = '', Id = name } = shown;
  if (LoadState !== 'loaded' || FragmentPath === '') throw notLoaded(systemd, name, LoadState ?? 'unknown');
  const paths = splitWords(shown.DropInPaths ?? '').map(({ text }) => text); // what has a backslash is quoted
  const dropIns = paths.filter(path => !path.endsWith(`/${DROP_IN_NAME}`));
  const service = [FragmentPath, ...dropIns].flatMap(path => readSection(readUnitFile(path)));
  const execStarts = valuesOf(service, 'ExecStart');
  if (execStarts.length !== 1) {
    throw new HoldfastError('UNSUPPORTED', `${Id} has ${execStarts.length} ExecStart= lines: one is needed`, {
      path: FragmentPath,
      hint: `systemctl cat ${Id} shows them`,
    });
  }
  refuseLater(dropIns);
  return {
    name: Id,
    fragment: FragmentPath,
    dropIns,
    type: shown.Type ?? '',
    user: shown.User || null,
    pid: Number(shown.MainPID) || null,
    service,
    execStart: execStarts[0]!, // there is one
    runtimeDirectories: splitWords(shown.RuntimeDirectory ?? '').map(({ text }) => text),
  };
}

/** systemd applies drop-ins by the order of their names, whatever directory they are in. */
function refuseLater(dropIns: readonly string[]): void {
  for (const path of dropIns) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (name < DROP_IN_NAME || valuesOf(readSection(readUnitFile(path)), 'ExecStart').length === 0) continue;
    throw new HoldfastError(
      'UNSUPPORTED',
      `${quote(path)} sets ExecStart= and applies after our ${DROP_IN_NAME}: it would win`,
      {
        path,
        hint: `give it a name that sorts before: mv ${typed(path)} ${typed(`${path.slice(0, -name.length)}override.conf`)}`,
      },
    );
  }
}

function readUnitFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw codedError('UNREADABLE', `cannot read ${quote(path)}`, path, error, {
      hint: 'adopt reads the files of the unit: become root, or a user who may',
    });
  }
}

function notLoaded(systemd: Systemd, name: string, state: string): HoldfastError {
  if (state !== 'not-found') {
    return new HoldfastError('UNSUPPORTED', `${name} is ${state}: systemd does not start it`, {
      hint: `systemctl status ${name}`,
    });
  }
  const { stdout } = systemd.systemctl(
    'list-unit-files',
    '--no-legend',
    '--no-pager',
    '--type=service',
    '*lightning*',
    '*cln*',
  );
  const others = stdout
    .split('\n')
    .map(line => line.split(' ')[0] ?? '')
    .filter(Boolean);
  return new HoldfastError('NOT_FOUND', `there is no unit ${name}`, {
    path: name,
    hint:
      others.length > 0
        ? `did you mean: ${others.map(other => `holdfast adopt ${other}`).join(', ')}`
        : 'name the unit that starts lightningd: holdfast adopt UNIT',
  });
}
