/**
 * Stops a node so that its channels suffer least, each step with its time:
 *
 *  1. `graceful SECONDS`  no new HTLCs, idle peers disconnected; what is on its way is finished. Since v26.06: an older
 *                         one says that it has no such method, and is not asked by its version, which a build may hide
 *  2. `stop`
 *  3. SIGTERM, SIGKILL
 */
import type { LightningOptions } from '../../lightning/config/lightning-options.ts';
import type { Children } from './children.ts';
import { askNode } from './lightning-cli.ts';
import type { Announcer } from './notify.ts';
import type { RunningNode } from './running-node.ts';
import { within } from './within.ts';

/** How long lightningd may take to stop by its own command, and after SIGTERM, ms. */
const STOP_MS = 60_000;
const TERM_MS = 30_000;
/** How much later than it promises `graceful` may return, ms. */
const GRACE_MS = 10_000;
/** JSON-RPC 2.0, section 5.1 */
const METHOD_NOT_FOUND = -32601;

/** Returns when it has ended. Never rejects. */
export async function stopNode(
  node: RunningNode,
  gracefulSeconds: number,
  lightning: LightningOptions,
  children: Children,
  announcer: Announcer,
): Promise<void> {
  const ended = node.ended.then(() => 'ended' as const);
  if (gracefulSeconds > 0) {
    const limit = gracefulSeconds * 1000 + GRACE_MS;
    const asked = askNode(node, ['graceful', String(gracefulSeconds)], lightning, children, limit);
    const answer = await Promise.race([ended, asked]);
    if (answer === 'ended') return;
    const text = inWords(answer, gracefulSeconds);
    if (text !== undefined) announcer.say(text);
  }
  const deadline = within(STOP_MS, ended);
  const answer = await Promise.race([ended, askNode(node, ['stop'], lightning, children, STOP_MS)]);
  if (answer !== 'ended' && 'result' in answer) await deadline;
  if ((await within(0, ended)) === 'ended') return;
  announcer.say('lightningd does not stop by its own command: SIGTERM');
  children.signal(node, 'SIGTERM');
  if ((await within(TERM_MS, ended)) !== 'time') return;
  announcer.say('lightningd does not end by SIGTERM: SIGKILL');
  children.signal(node, 'SIGKILL');
  await ended;
}

/** What there is to say of the answer to `graceful`. */
function inWords(answer: Awaited<ReturnType<typeof askNode>>, seconds: number): string | undefined {
  if ('failed' in answer) return `graceful failed (${answer.failed}): stopping without it`;
  if ('code' in answer) {
    return answer.code === METHOD_NOT_FOUND
      ? undefined // older than v26.06
      : `graceful failed (${answer.message}): stopping without it`;
  }
  const { pending_htlc_expiries: expiries } = (answer.result ?? {}) as { pending_htlc_expiries?: unknown };
  if (!Array.isArray(expiries) || expiries.length === 0) return undefined;
  const [first, second] =
    expiries.length === 1
      ? ['1 HTLC is', 'its expiry']
      : [`${expiries.length} HTLCs are`, 'the first expiry'];
  return `${first} still pending after ${seconds} s, ${second} at block ${expiries[0]} (pending_htlc_expiries): stopping all the same`;
}
