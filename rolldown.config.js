import { readFileSync } from 'node:fs';
import { licenses } from './scripts/licenses.js';
import { quickChunks } from './scripts/quick-chunks.js';

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

/** Modules by their paths below src/. @param {string[]} paths regular expressions */
const modules = (...paths) => new RegExp(paths.map(path => `/src/${path}\\.ts$`).join('|'));

/** What `--version` loads too: it stays in cli.cjs. */
const WORDS = modules(
  'cli',
  'cli/(table|words)',
  'errors',
  'exit-codes',
  'launch/inherited',
  'linux/(byte-order|read-proc)',
  'snapshot/placement',
);

/** What a launch loads only where no snapshot is proven: in one file, since each costs about a millisecond to load. */
const ANEW = modules(
  'cli/snapshot',
  'snapshot/(anew|build|stage|place|pin|hash|digest|executable|prove-by-hash|find-by-hash|remove-tree)',
  'lightning/(contents|installation|compiled-paths|elf-image|subdaemons|versions|upgrade-traces)',
  'commands/(gate|inspect|lost-by-copy|snapshot)',
  'manifest/\\w+',
  'linux/(openssl|brief-program|spawn|reflink|xattr)',
);

/** What looks at processes loads, `status` and a wipe: in one file, too. */
const NODES = modules(
  'cli/(status|node-options)',
  'commands/(confinement-list|installed-now|place-of-node|status)',
  'lightning/(node-\\w+|nodes|operator-programs|pid-files)',
  'linux/(cgroup|memory-file|processes|process-image|proc-\\w+|program|record-lock)',
  'render/(openmetrics|status)',
  'snapshot/(above|disk-usage|findings|liveness|pinned)',
);

/** What only the other commands load, and a launch in trouble. No file of these may be imported by one that is not. */
const LAZY = modules(
  'archive/.*',
  'render/.*',
  'cli/(export|guard|noexec-check|prove|root|run-options|verify)',
  'commands/(archive-source|check-proof|cleanup|compare-installed|confine|export|guard|images|judge-directory)',
  'commands/(noexec-\\w+|on-upgrade|origin|pinning|prove|restart-window|root|running|unpacked|upgrade-watch|verify)',
  'lightning/interpreters',
  'linux/(child-probe|free-space|landlock|mountinfo|notify-socket|smallest-program)',
  'launch/again',
  'snapshot/(check\\w*|checks-\\w+|choose-fallback|escape-path|fallback|hash-each|look-at-pins|probe-exec)',
  'snapshot/(safe-directory|scan|select|subject|try-placement|verify)',
);

/**
 * What every launch loads: all the rest, in one file.
 * @param {string} id
 */
const isCore = id => /\/src\/.*\.ts$/.test(id) && ![WORDS, ANEW, NODES, LAZY].some(group => group.test(id));

/** The names of functions stay, for stack traces. */
const MINIFY = { mangle: { keepNames: true }, compress: true, codegen: { removeWhitespace: true } };

const COMMON = {
  platform: 'node',
  transform: { define: { __VERSION__: JSON.stringify(version) } },
  external: [/^koffi/],
};

/** The library, one module: who imports it has no launch to hurry. */
const library = {
  ...COMMON,
  input: { index: 'src/index.ts' },
  plugins: [licenses('index.LICENSES')],
  output: { dir: 'dist', format: 'es', codeSplitting: false, minify: MINIFY },
};

/**
 * Bundles in CommonJS: Node 20 starts a CommonJS script about 5 ms sooner than a module (measured).
 * koffi stays outside: it finds its native library beside itself.
 */
const program = {
  ...COMMON,
  input: { cli: 'src/cli.ts' },
  plugins: [licenses('LICENSES'), quickChunks()],
  preserveEntrySignatures: false,
  output: {
    dir: 'dist',
    format: 'cjs',
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [
        { name: 'anew', test: ANEW, priority: 1 },
        { name: 'nodes', test: NODES, priority: 1 },
        { name: 'core', test: isCore },
      ],
    },
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name].cjs',
    sourcemap: false,
    minify: MINIFY,
  },
};

export default [program, library];
