/** What `verify` says, as text for people. Pure: results in, lines out. */
import type { ProofReport } from '../commands/check-proof.ts';
import type { RunningProcess } from '../commands/running/judge-process.ts';
import type { RunningNode, RunningReport } from '../commands/running/nodes.ts';
import type { VerifyResult } from '../commands/verify.ts';
import { quote, visible } from '../errors.ts';
import type { SnapshotReport } from '../snapshot/verify/verify.ts';

/** The whole answer; ends with a newline. `verbose`: also each check by its name, and each process that is fine. */
export function renderVerify(result: VerifyResult, verbose = false): string {
  const { snapshots, unknowns, running, proof } = result;
  const lines = [
    ...snapshots.flatMap(snapshot => renderSnapshot(snapshot, verbose)),
    ...unknowns.flatMap(({ path, reason }) => [`${quote(path)}: unknown`, `  ${reason}`]),
    ...(running === null ? [] : renderRunning(running, verbose)),
    ...(proof === null ? [] : renderProof(proof)),
  ];
  return lines.map(line => `${line}\n`).join('');
}

function renderSnapshot(snapshot: SnapshotReport, verbose: boolean): string[] {
  const { path, gone, files, bytes, root, version, findings, unknowns, notes, checks } = snapshot;
  const held = snapshot.libraries?.files ?? 0;
  const summary = [
    ...(version === null ? [] : [visible(version)]),
    count(files, 'file'),
    size(bytes),
    ...(held === 0 ? [] : [`${count(held, 'library', 'libraries')} held`]),
  ];
  return [
    `${quote(path)}: ${headline(gone, findings.length, unknowns.length)} (${summary.join(', ')})`,
    ...(root === null ? [] : [`  root ${root}`]),
    ...(verbose ? checks.map(({ name, result }) => `  ${name}: ${result}`) : []),
    ...findings.flatMap(finding => renderFinding(finding)),
    ...unknowns.map(
      ({ path: where, check, reason }) => `  ${quote(where)}: unknown (${check}): ${visible(reason)}`,
    ),
    ...notes.map(({ path: where, reason }) => `  note: ${quote(where)}: ${visible(reason)}`),
  ];
}

function renderFinding(finding: {
  path: string;
  check: string;
  expected: string;
  found: string;
  reason: string;
}): string[] {
  const { path, check, expected, found, reason } = finding;
  return [
    `  ${quote(path)}: ${visible(reason)} (${check})`,
    `    expected ${visible(expected)}`,
    `    found    ${visible(found)}`,
  ];
}

/** That it is gone is a finding as well, which need not be counted. */
function headline(gone: boolean, findings: number, unknowns: number): string {
  const others = gone ? findings - 1 : findings;
  const parts = [
    ...(gone ? ['gone'] : []),
    ...(others > 0 ? [count(others, 'finding')] : []),
    ...(unknowns > 0 ? [`${unknowns} unknown`] : []),
  ];
  return parts.length === 0 ? 'ok' : parts.join(', ');
}

function renderRunning({ nodes, unknowns, limits }: RunningReport, verbose: boolean): string[] {
  const nothing = nodes.length === 0 && unknowns.length === 0 ? ['no node is running'] : [];
  return [
    ...nothing,
    ...nodes.flatMap(node => renderNode(node, verbose)),
    ...unknowns.map(
      ({ pid, reason }) => `${pid === null ? 'a node' : `process ${pid}`}: unknown: ${visible(reason)}`,
    ),
    ...(verbose || unknowns.length > 0 ? limits.map(reason => `note: ${visible(reason)}`) : []),
  ];
}

function renderNode({ pid, network, snapshot, processes }: RunningNode, verbose: boolean): string[] {
  const of = (origin: RunningProcess['origin']) => processes.filter(process => process.origin === origin);
  const counts = [
    `${of('manifest').length} in the manifest`,
    ...(of('operator').length > 0 ? [`${of('operator').length} of the operator's`] : []),
    ...(of('foreign').length > 0 ? [`${of('foreign').length} foreign`] : []),
    ...(of('unknown').length > 0 ? [`${of('unknown').length} unknown`] : []),
  ];
  const from = snapshot === null ? '' : ` from ${quote(snapshot)}`;
  const name = `lightningd ${pid}${network === null ? '' : ` (${visible(network)})`}`;
  return [
    `${name}${from}: ${count(processes.length, 'process', 'processes')}: ${counts.join(', ')}`,
    ...processes.filter(({ origin }) => verbose || origin !== 'manifest').map(renderProcess),
    ...renderLibraries(processes),
  ];
}

/** What the programs of the snapshot have loaded. */
function renderLibraries(processes: readonly RunningProcess[]): string[] {
  const known = processes.flatMap(({ pid, libraries }) =>
    libraries === null ? [] : [{ pid, ...libraries }],
  );
  if (known.length === 0) return [];
  const held = Math.max(...known.map(each => each.held));
  const deleted = new Set(known.flatMap(each => each.deleted));
  if (held === 0 && deleted.size === 0) return []; // as of any program
  const words = [
    held === 0 ? "the system's" : `${held} held, the others the system's`,
    ...(deleted.size > 0 ? [`${deleted.size} of them no longer there`] : []),
  ];
  return [
    `  libraries: ${words.join(', ')}`,
    ...known
      .filter(each => each.astray.length > 0)
      .map(({ pid, astray }) => `  ${pid} loaded ${astray.map(quote).join(', ')}, not what is held`),
  ];
}

function renderProcess({ pid, program, origin, entry, reason }: RunningProcess): string {
  const what = program === null ? 'not known' : quote(program);
  const where = entry === null ? '' : ` ${quote(entry.path)}, entry ${entry.index} of ${entry.treeSize}`;
  const why = reason === null ? '' : `: ${visible(reason)}`;
  return `  ${pid} ${what}: ${origin}${where}${why}`;
}

function renderProof({ file, path, root, findings }: ProofReport): string[] {
  const verdict = findings.length === 0 ? 'ok' : count(findings.length, 'finding');
  return [
    `${quote(file)}: ${verdict} (the proof is about ${quote(path)} of root ${root})`,
    ...findings.flatMap(finding => renderFinding(finding)),
  ];
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** Decimal units, as df(1) has them with --si. */
function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = bytes / 1000;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${value.toFixed(1)} ${units[unit]}`;
}
