/** The signals that the parent of --on-upgrade gets: some end it, some are lightningd's. */
import type { Inherited } from '../../launch/inherited.ts';
import { ignoreSignal, signalNumber } from '../../linux/process/state.ts';

const ENDING = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;
const PASSED_ON = ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/** From now on; what the caller ignores stays ignored, see nohup(1). */
export class Signals {
  /** the first signal that is to end us */
  readonly ending: Promise<NodeJS.Signals>;
  readonly #listeners = new Map<NodeJS.Signals, () => void>();

  /** @param passOn sends lightningd a signal */
  constructor({ ignoredSignals }: Inherited, passOn: (signal: NodeJS.Signals) => void) {
    let end: (signal: NodeJS.Signals) => void = () => undefined;
    this.ending = new Promise(resolve => {
      end = resolve;
    });
    const listen = (signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void) => {
      const number = signalNumber(signal);
      if (((ignoredSignals >> BigInt(number - 1)) & 1n) === 1n) return ignoreSignal(number, true);
      const listenTo = () => listener(signal);
      this.#listeners.set(signal, listenTo);
      process.on(signal, listenTo);
    };
    for (const signal of ENDING) listen(signal, end);
    for (const signal of PASSED_ON) listen(signal, passOn);
  }

  /** They have their default action again: we may end by the one that ended us. */
  close(): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }
}
