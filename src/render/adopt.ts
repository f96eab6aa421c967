/** The text of `adopt`. Pure. */
import type { AdoptReport } from '../commands/adopt/report.ts';
import { quote } from '../errors.ts';

const CHECKS = {
  verify: 'systemd-analyze',
  noexec: 'noexec',
  snapshot: 'dry snapshot',
  loaded: 'daemon-reload',
} as const;
const VERDICTS = { ok: 'ok', finding: 'NO', unknown: 'not known' } as const;

/** What was found, what was done, and what is left to be typed. `--print` gives the drop-in alone. */
export function renderAdopt(report: AdoptReport, isUser: boolean): string {
  const lines = report.action === 'print' && report.text !== null ? printed(report) : told(report, isUser);
  return lines.map(line => `${line}\n`).join('');
}

/** As a file: with comments for what is not the drop-in's. */
function printed({ unit, file, text, checks, notes }: AdoptReport): string[] {
  return [
    `# ${file}`,
    ...(text ?? '').trimEnd().split('\n'),
    ...checks.map(({ name, verdict, reason }) => `# ${CHECKS[name]}: ${VERDICTS[verdict]}: ${reason}`),
    ...notes.map(note => `# ${note}`),
    `# nothing was written; holdfast adopt ${unit.name}, as root, tries it and writes it`,
  ];
}

function told(report: AdoptReport, isUser: boolean): string[] {
  const { unit, was, becomes, checks, notes, text, changed, file, verdict } = report;
  const isAdopted = becomes !== null && becomes !== was;
  const about = [
    unit.fragment,
    unit.type === '' ? '' : `Type=${unit.type}`,
    unit.user === null ? '' : `User=${unit.user}`,
  ];
  const head = `${unit.name}: ${about.filter(Boolean).join(', ')}`;
  const stop = (text ?? '').split('\n').filter(line => line.startsWith('ExecStop='));
  return [
    head,
    ...(was === null ? [] : [`  was      ${was}`]),
    ...(isAdopted ? [`  becomes  ${becomes}`] : []),
    ...stop.map(line => `  stop     ${line.slice('ExecStop='.length)}`),
    ...checks.map(
      ({ name, verdict: each, reason }) => `  ${VERDICTS[each].padEnd(8)} ${CHECKS[name]}: ${reason}`,
    ),
    ...notes.map(note => `  note     ${note}`),
    ...(verdict === 'finding'
      ? ['nothing was written: what is above with NO would be in the way of the next start']
      : []),
    ...done(report, isAdopted),
    ...(changed || isAdopted ? next(report, isUser) : []),
  ].filter(line => line !== '' || file === '');
}

function done({ action, file, changed, verdict }: AdoptReport, isAdopted: boolean): string[] {
  if (action === 'undo') return changed ? [`removed ${quote(file)}, and systemd has read that`] : [];
  if (verdict === 'finding' || !isAdopted) return [];
  return [
    changed
      ? `written ${quote(file)}, and systemd has read it`
      : `${quote(file)} is there already, as it should be`,
  ];
}

/** Nothing is restarted: what the next start will be, and the line for it. */
function next({ action, unit, verdict }: AdoptReport, isUser: boolean): string[] {
  if (verdict === 'finding') return [];
  const systemctl = isUser ? 'systemctl --user' : 'systemctl';
  const what = action === 'undo' ? 'the next start is without holdfast' : 'the next start is from a snapshot';
  return unit.pid === null
    ? [`nothing was started; ${what}: ${systemctl} start ${unit.name}`]
    : [
        `nothing was restarted: PID ${unit.pid} goes on as it is; ${what}, when it suits you: ${systemctl} restart ${unit.name}`,
      ];
}
