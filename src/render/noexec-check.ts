/** The result of `noexec-check` for people. Pure: lines of text, without newlines in them. */
import type { DirectoryReport, MountReport, NoexecReport } from '../commands/noexec/report.ts';
import { escapeUnseen, visible } from '../errors.ts';
import type { MethodTrial } from '../snapshot/fallback/try-placement.ts';

const HOLDS = { yes: 'can hold programs', no: 'cannot hold programs', unknown: 'not known' } as const;

/** One block for each directory, then what `run` would use, then what to type. */
export function renderNoexecCheck(report: NoexecReport): string[] {
  const { directories, choice, advice, installation } = report;
  const lines = directories.flatMap(directory => [...renderDirectory(directory), '']);
  if (installation.reason !== null) {
    lines.push(`links and room were not tried against an installation: ${visible(installation.reason)}`, '');
  }
  const chosen = choice.path === null ? 'none' : visible(choice.path);
  lines.push(`run would use: ${chosen}`, `  ${visible(choice.reason)}`);
  if (advice.length > 0) lines.push('', 'what to type, one of:');
  for (const { type, effect } of advice) lines.push(`  ${escapeUnseen(type)}`, `      ${visible(effect)}`);
  return lines;
}

function renderDirectory(directory: DirectoryReport): string[] {
  const { path, origin, judged, exists, mount, exec, write, hardlink, reflink, holds, reason } = directory;
  const lines = [`${visible(path)}${origin === 'given' ? '' : ` (${origin})`}: ${HOLDS[holds]}`];
  const say = (label: string, text: string): number => lines.push(`  ${label.padEnd(10)} ${visible(text)}`);
  say('because', reason);
  if (!exists && judged !== null) say('judged by', `${judged}, its nearest parent: it does not exist yet`);
  if (mount !== null) say('mount', mountWords(mount));
  if (judged === null) return lines; // nothing was tried
  if (exec.reason !== reason) say('execute', `${exec.verdict}: ${exec.reason}`);
  say('write', write.works === true ? 'yes' : write.works === false ? `no (${write.errno})` : 'not tried');
  say('room', roomWords(directory));
  say('hard link', trialWords(hardlink));
  say('reflink', trialWords(reflink));
  return lines;
}

function mountWords({ mountPoint, source, fsType, options }: MountReport): string {
  return `${mountPoint}, ${fsType} from ${source === '' ? 'nothing named' : source}, ${options.join(',')}`;
}

function roomWords({ freeBytes, neededBytes }: DirectoryReport): string {
  const free = freeBytes === null ? 'without a limit' : `${megabytes(freeBytes)} free`;
  return neededBytes === null ? free : `${free}, a copy takes ${megabytes(neededBytes)}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function trialWords({ works, reason }: MethodTrial): string {
  if (works === true) return 'works';
  return works === false ? `no: ${reason}` : `${reason}`;
}
