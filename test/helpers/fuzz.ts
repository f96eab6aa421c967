/** Properties that are tried with a seed: a few cases in `npm test`, many in `npm run test:fuzz`. */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Called } from './holdfast.ts';

const { CASES, SEED } = process.env;

/** Tries `few` cases, or as many as CASES says; SEED makes them the same again. */
export function tried<T>(few: number, cases: fc.Arbitrary<T>, property: (value: T) => void): void {
  const numRuns = Number(CASES ?? few);
  const began = Date.now();
  const seed = SEED === undefined ? {} : { seed: Number(SEED) };
  fc.assert(fc.property(cases, property), { numRuns, ...seed });
  if (CASES === undefined) return;
  const seconds = Math.round((Date.now() - began) / 1000);
  console.log(`${expect.getState().currentTestName}: ${numRuns} cases, seed ${SEED}, ${seconds} s`);
}

/** What would move a terminal's cursor, colour it or turn its text around: never in what holdfast says. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNFIT = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;

/** A command that came to an end of its own choice, and said so in a way that is fit for a terminal. */
export function expectSound({ status, stdout, stderr }: Called, allowed: readonly number[], what = ''): void {
  expect(allowed, `${what}: ${stderr}`).toContain(status);
  expect(stderr, what).not.toMatch(/^\s+at |defect of holdfast/m);
  expect(stderr, what).not.toMatch(UNFIT);
  expect(stdout, what).not.toMatch(UNFIT);
}
