/**
 * `status --openmetrics`: metrics in the Prometheus text format 0.0.4, which node_exporter's textfile collector reads;
 * the last line ends it for readers of OpenMetrics 1.0, and is a comment for the others.
 * Pure.
 */
import type { NodeStatus, StatusReport } from '../commands/status.ts';
import { escapeUnseen } from '../errors.ts';

type Labels = Readonly<Record<string, string>>;

/** All metrics of a report. @returns text that ends with a newline */
export function renderOpenmetrics(report: StatusReport): string {
  const perNode = (value: (node: NodeStatus) => number | null | undefined) =>
    report.nodes.flatMap(node => {
      const number = value(node);
      return number === undefined || number === null ? [] : [{ labels: labelsOf(node), value: number }];
    });
  return [
    metric(
      'holdfast_node_info',
      'A running node: what it runs, and from where.',
      report.nodes.map(node => ({ labels: infoOf(node), value: 1 })),
    ),
    metric(
      'holdfast_node_restart_pending',
      'Whether what is installed differs from what the node runs (1) or not (0).',
      perNode(({ restartPending }) => (restartPending === null ? undefined : Number(restartPending))),
    ),
    metric(
      'holdfast_node_overwritten_files',
      'Files of the snapshot that were overwritten in place.',
      perNode(({ overwritten }) => overwritten.length),
    ),
    metric(
      'holdfast_node_foreign_subdaemons',
      'Subdaemons that run from another place than the snapshot.',
      perNode(({ elsewhere }) => elsewhere.length),
    ),
    metric(
      'holdfast_node_held_libraries',
      'Shared libraries that are kept with the snapshot; 0: the node uses those of the system.',
      perNode(({ libraries }) => libraries?.held),
    ),
    metric(
      'holdfast_node_replaced_libraries',
      'Libraries of the node that the system has replaced or lost since it was started.',
      perNode(({ libraries }) => libraries && libraries.replaced.length + libraries.lost.length),
    ),
    metric(
      'holdfast_node_unloadable_programs',
      'Programs that the node may start later and whose libraries are gone.',
      perNode(({ libraries }) => libraries && new Set(libraries.missing.map(({ program }) => program)).size),
    ),
    metric(
      'holdfast_node_start_time_seconds',
      'Start time of the node since the epoch.',
      perNode(({ since }) => (since === null ? undefined : Date.parse(since) / 1000)),
    ),
    metric('holdfast_store_held_bytes', 'Disk space that would be free without the snapshots.', [
      { labels: { store: report.store }, value: report.heldBytes },
    ]),
    metric('holdfast_store_snapshots', 'Snapshots in the store.', [
      { labels: { store: report.store }, value: report.snapshots.length },
    ]),
    '# EOF\n',
  ].join('');
}

function labelsOf({ lightningDir, network }: NodeStatus): Labels {
  return { lightning_dir: lightningDir ?? '', network: network ?? '' };
}

function infoOf(node: NodeStatus): Labels {
  return {
    ...labelsOf(node),
    version: node.version ?? '',
    snapshot: node.snapshot ?? '',
    root: node.root ?? '',
  };
}

function metric(
  name: string,
  help: string,
  samples: readonly { readonly labels: Labels; readonly value: number }[],
): string {
  if (samples.length === 0) return '';
  const lines = samples.map(({ labels, value }) => `${name}{${formatLabels(labels)}} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join('')}`;
}

function formatLabels(labels: Labels): string {
  const escaped = (value: string) =>
    escapeUnseen(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',');
}
