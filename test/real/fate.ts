/** What became of a node that opens a channel after its installation has changed, in the words of the table. */
import { install, OLD, scratch } from './installation.ts';
import { type RealNode, startNode, until } from './node.ts';

const RESTART_SECONDS = 30;

/** A peer that stays what it is, a copy of an installation to change, and room for nodes. */
export async function setting(from = OLD) {
  const dir = scratch();
  const installed = install(dir, from);
  const peer = await startNode(`${dir}/peer`, { command: [`${OLD}/bin/lightningd`] });
  return { dir, installed, peer };
}

/** Opens a channel with `peer`; `version` is what the node was before. */
export async function fate(node: RealNode, peer: RealNode, version: string): Promise<string> {
  const failure = node.open(peer);
  if (failure === '' && node.version() === version) return opens(version);
  if (!/BROKEN.*restarting/.test(node.log())) return `fails: ${failure}`;
  // it sleeps for five seconds before it executes itself again
  const after = await until(
    'the node to come back or to end',
    () => node.ended ?? (/restarting.*Server started/s.test(node.log()) && node.version()),
    RESTART_SECONDS,
  );
  return node.ended === undefined ? `fails, restarts as ${after}` : `fails, down: ${after}`;
}

/** The word for a node that goes on as it was. */
export const opens = (version: string): string => `opens, ${version}`;
