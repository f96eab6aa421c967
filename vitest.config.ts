import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { Summary } from './test/reporter.ts';
import { LongestFirst } from './test/sequencer.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/setup.ts'],
    setupFiles: ['test/worker.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ['default', new Summary()],
    sequence: { sequencer: LongestFirst },
    maxWorkers: availableParallelism() + 1, // most tests wait for processes of their own
  },
});
