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
    isolate: false, // no test changes a module, and loading src/ anew for each file took a fifth of the time of small ones
    maxWorkers: availableParallelism() + 2, // most tests wait for processes of their own: 246 to 225 s on two (measured)
  },
});
