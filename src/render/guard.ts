/** The text of `guard`. Pure. */
import type { GuardedNode, GuardReport } from '../commands/guard.ts';
import { quote, visible } from '../errors.ts';

/** Says what stands in the way; with nothing in the way it says nothing, unless asked to. */
export function renderGuard(report: GuardReport, after: boolean, verbose: boolean): string {
  const lines = report.nodes.flatMap(node => renderNode(node, after, verbose));
  for (const unknown of report.unknowns) lines.push(`not known: ${visible(unknown)}`);
  if (verbose && lines.length === 0)
    lines.push(report.installations.length === 0 ? 'nothing is installed' : 'no node runs');
  return lines.map(line => `${line}\n`).join('');
}

function renderNode(node: GuardedNode, after: boolean, verbose: boolean): string[] {
  const { pid, user, lightningDir, network, program, runsFrom, replaced, advice } = node;
  const who = `PID ${pid} of ${user}, ${visible(network ?? 'network not known')}, lightning-dir ${lightningDir === null ? 'not known' : quote(lightningDir)}`;
  if (runsFrom === 'installation' && (!after || replaced)) {
    const what = after
      ? `runs ${quote(program ?? '')}, which was replaced: it must be restarted now`
      : `runs ${quote(program ?? '')} itself: replacing it now would break this node`;
    return [`${who}: ${what}`, ...(advice === null ? [] : [`  ${visible(advice)}`])];
  }
  if (node.libraries !== null)
    return [`${who}: ${visible(node.libraries)}`, ...(advice === null ? [] : [`  ${visible(advice)}`])];
  return verbose
    ? [
        `${who}: runs from ${runsFrom === 'snapshot' ? 'a snapshot: nothing to do' : visible(program ?? 'a place not known')}`,
      ]
    : [];
}
