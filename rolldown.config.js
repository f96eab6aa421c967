import { readFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

/** What a launch loads only where no snapshot is proven: in one file, since each costs about a millisecond to load. */
const ANEW = new RegExp(
  [
    'snapshot/(anew|build|stage|place|hash|digest|prove-by-hash|find-by-hash)',
    'lightning/(contents|installation|compiled-paths|elf-image|versions|upgrade-traces)',
    'commands/(gate|inspect)',
    'manifest/\\w+',
    'linux/(openssl|brief-program|reflink)',
  ]
    .map(path => `src/${path}\\.ts$`)
    .join('|'),
);

/** What every launch loads, and with it what others share. */
const CORE = new RegExp(
  [
    'errors|exit-codes',
    'cli/(outcome|progress|run|snapshot|surroundings|table|take-options|words)',
    'commands/(prepare|run|snapshot)',
    'launch/\\w+',
    'lightning/(byte-string|command-line|config-file|fault|locate|options|settings)',
    'linux/(clock|directory|flock|libc|passwd|process-image|processes|process-state|random)',
    'snapshot/(current|executable|find|layout|liveness|lock|placement|prove|record|remove-tree|request|store|take|wipe)',
  ]
    .map(path => `src/(${path})\\.ts$`)
    .join('|'),
);

/**
 * Bundles in CommonJS: Node 20 starts a CommonJS script about 5 ms sooner than a module (measured).
 * koffi stays outside: it finds its native library beside itself.
 */
export default {
  input: { cli: 'src/cli.ts' },
  platform: 'node',
  transform: { define: { __VERSION__: JSON.stringify(version) } },
  preserveEntrySignatures: false,
  external: [/^koffi/],
  output: {
    dir: 'dist',
    format: 'cjs',
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [
        { name: 'anew', test: ANEW, priority: 1 },
        { name: 'core', test: CORE },
      ],
    },
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name].cjs',
    sourcemap: false,
    minify: { mangle: false, compress: true, codegen: { removeWhitespace: true } },
  },
};
