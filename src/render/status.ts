/** The text of `status`. Pure. */
import type { NodeStatus, StatusReport } from '../commands/status.ts';
import { quote, visible } from '../errors.ts';

/** Paths that are named before the rest is only counted. */
const FEW = 5;

/** One paragraph a node, then the installation and the store. @returns text that ends with a newline */
export function renderStatus(report: StatusReport, verbose: boolean): string {
  const lines = report.nodes.flatMap(node => [...renderNode(node, verbose), '']);
  if (report.nodes.length === 0 && report.unknowns.length === 0) lines.push('no node runs', '');
  for (const { pid, reason } of report.unknowns)
    lines.push(`not known: ${pid === null ? '' : `PID ${pid}: `}${visible(reason)}`);
  const { installed, snapshots } = report;
  if (installed !== null) {
    lines.push(
      `installed  ${quote(installed.lightningd)}, ${visible(installed.version ?? 'version not known')}`,
    );
    lines.push(`  root     ${installed.root ?? `not known: ${visible(installed.reason ?? '')}`}`);
    for (const { path, expected, found } of installed.altered)
      lines.push(`  ALTERED: ${quote(path)} is ${visible(found)}, not ${visible(expected)}`);
    for (const line of installed.remedy) lines.push(`  ${visible(line)}`);
  }
  lines.push(
    `store      ${quote(report.store)}: ${count(snapshots.length, 'snapshot')}, ${megabytes(report.heldBytes)} held`,
  );
  for (const { path, version, current } of snapshots) {
    lines.push(
      `  ${path.split('/').at(-1)}  ${visible(version ?? 'no record')}${current ? '  (current)' : ''}`,
    );
  }
  for (const limit of report.limits) lines.push(`note: ${visible(limit)}`);
  return `${lines.join('\n')}\n`;
}

function renderNode(node: NodeStatus, verbose: boolean): string[] {
  const { pid, user, network, version, since, snapshot, root, program } = node;
  const lines = [
    `node       PID ${pid}, ${user}, ${visible(network ?? 'network not known')}, ${visible(version ?? 'version not known')}, since ${since ?? 'not known'}`,
    snapshot === null
      ? `  runs     ${program === null ? 'not known' : quote(program)}, not from a snapshot`
      : `  snapshot ${quote(snapshot)}`,
  ];
  if (root !== null) lines.push(`  root     ${root}`);
  lines.push(`  restart  ${restart(node)}`);
  if (node.pinned !== null) lines.push(`  pinned   ${pinned(node.pinned)}`);
  if (node.confined !== null) {
    const paths = node.confined.map(({ path }) => path);
    lines.push(`  confined may execute ${list(paths, verbose ? paths.length : FEW)}`);
  }
  if (node.changed.length > 0) lines.push(`  differs  ${list(node.changed)}`);
  if (node.overwritten.length > 0) lines.push(`  OVERWRITTEN IN PLACE: ${list(node.overwritten)}`);
  for (const { pid: child, program: path } of node.elsewhere)
    lines.push(`  ELSEWHERE: PID ${child} runs ${quote(path)}`);
  if (node.libraries !== null) lines.push(...libraries(node.libraries));
  if (node.outside.length > 0)
    lines.push(`  outside  ${list(node.outside)} (configured; not from the snapshot)`);
  return lines;
}

function restart({ restartPending, reason }: NodeStatus): string {
  if (restartPending === null) return `not known: ${visible(reason ?? '')}`;
  if (restartPending) return `PENDING: ${visible(reason ?? '')}`;
  return reason === null ? 'not due' : `not due; ${visible(reason)}`;
}

function pinned({ files, gone, unknown }: NonNullable<NodeStatus['pinned']>): string {
  return [
    `${count(files, 'file')} by descriptors of the node`,
    ...(gone > 0 ? [`${gone} GONE: lightningd has closed them, a restart is due`] : []),
    ...(unknown > 0 ? [`${unknown} may not be looked at`] : []),
  ].join(', ');
}

function libraries({ held, replaced, lost, missing }: NonNullable<NodeStatus['libraries']>): string[] {
  if (held > 0) {
    const changed = [
      ...(replaced.length > 0 ? [`the system has replaced ${list(replaced)}`] : []),
      ...(lost.length > 0 ? [`the system has lost ${list(lost)}`] : []),
    ];
    const since = changed.length === 0 ? '' : `; ${changed.join(', ')}: a restart takes what is there then`;
    return [`  libraries ${held} held${since}`];
  }
  return [
    ...(replaced.length > 0 ? [`  LIBRARIES REPLACED: ${list(replaced)}`] : []),
    ...(lost.length > 0 ? [`  LIBRARIES GONE: ${list(lost)}`] : []),
    ...[...new Set(missing.map(({ library }) => library))].map(library => {
      const programs = missing.filter(each => each.library === library).map(({ program }) => program);
      return `  LIBRARY GONE: ${quote(library)}, needed by ${list(programs)}`;
    }),
  ];
}

function list(paths: readonly string[], most = FEW): string {
  const rest = paths.length - most;
  return `${paths.slice(0, most).map(quote).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function count(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
