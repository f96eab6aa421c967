/** Notes how long each step took. */
import { monotonicMs } from '../../linux/time.ts';

/** How long one step took, ms. */
export interface StepTime {
  readonly step: string;
  readonly ms: number;
}

/** A clock that begins with the step `find`; one that comes again is added to itself. */
export class StepClock {
  readonly #ms = new Map<string, number>();
  #current = 'find';
  #since = monotonicMs();

  begin(step: string): void {
    const now = monotonicMs();
    this.#ms.set(this.#current, (this.#ms.get(this.#current) ?? 0) + now - this.#since);
    this.#current = step;
    this.#since = now;
  }

  end(): StepTime[] {
    this.begin('end');
    return [...this.#ms].map(([step, ms]) => ({ step, ms: Math.round(ms * 1000) / 1000 }));
  }
}
