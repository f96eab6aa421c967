/** `npm run test:fuzz`: damage of every kind, CASES of each (1000); SEED repeats a run. */
import { defineConfig } from 'vitest/config';

process.env.CASES ??= '1000';
process.env.SEED ??= `${Math.floor(Math.random() * 2 ** 31)}`;
console.log(`seed ${process.env.SEED}, ${process.env.CASES} cases of each kind`);

export default defineConfig({
  test: {
    include: ['test/fuzz/**/*.fuzz.ts', 'test/system/damaged.test.ts'],
    globalSetup: ['test/setup.ts'],
    maxWorkers: 2,
    testTimeout: 4 * 3600_000,
    reporters: ['default'],
  },
});
