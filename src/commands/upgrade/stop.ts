/** Stops a node: by its own command, then by SIGTERM, then by SIGKILL, each with its time. */
import type { LightningOptions } from '../../lightning/config/options.ts';
import { sendSignal } from '../../linux/process/spawn.ts';
import { signalNumber } from '../../linux/process/state.ts';
import type { Children } from './children.ts';
import type { Announcer } from './notify.ts';
import type { RunningNode } from './running-node.ts';
import { within } from './within.ts';

/** How long lightningd may take to stop by its own command, and after SIGTERM, ms. */
const STOP_MS = 60_000;
const TERM_MS = 30_000;

/** Returns when it has ended. */
export async function stopNode(
  node: RunningNode,
  { lightningDir, network, rpcFile }: LightningOptions,
  children: Children,
  announcer: Announcer,
): Promise<void> {
  const terminate = () => {
    announcer.say('lightningd does not stop by its own command: SIGTERM');
    sendSignal(node.pid, signalNumber('SIGTERM'));
  };
  const cli = `${node.snapshot}/bin/lightning-cli`;
  const words = [`--lightning-dir=${lightningDir}`, `--network=${network}`];
  if (rpcFile !== undefined) words.push(`--rpc-file=${rpcFile}`);
  const asked = children.run(cli, [cli, ...words, 'stop'], []).then(
    ended => ('status' in ended && ended.status === 0 ? ended : terminate()),
    terminate, // not there, or not to be executed
  );
  if ((await within(STOP_MS, node.ended)) === 'time') terminate();
  if ((await within(TERM_MS, node.ended)) === 'time') sendSignal(node.pid, signalNumber('SIGKILL'));
  await node.ended;
  await asked;
}
