/** What happened, counted; and what should not have, kept word for word. */

/** How many faults are printed again at the end, and how much of what was said. */
const SHOWN = 20;
const SAID = 1500;

export class Ledger {
  /** @type {Map<string, number>} */
  #counts = new Map();
  /** @type {string[]} */
  #faults = [];

  /** One more of these. @param {string} what */
  count(what) {
    this.#counts.set(what, this.of(what) + 1);
  }

  /** How many there were. @param {string} what */
  of(what) {
    return this.#counts.get(what) ?? 0;
  }

  /** Something that must never happen. @param {string} what @param {string} [said] */
  fault(what, said = '') {
    this.#faults.push(`${what}\n${said.slice(0, SAID)}`);
    console.error(`FAULT: ${what}\n${said.slice(0, SAID)}`);
  }

  get faults() {
    return this.#faults.length;
  }

  /** All counts, and the first faults. */
  print() {
    for (const [what, times] of [...this.#counts].sort())
      console.log(`${String(times).padStart(8)}  ${what}`);
    console.log(`${String(this.faults).padStart(8)}  faults`);
    for (const fault of this.#faults.slice(0, SHOWN)) console.log(`\n${fault}`);
  }
}
