import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { licenses } from './scripts/licenses.js';

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

/**
 * The bundles, each by the modules that are its entries: a module belongs to the first bundle whose entries reach it by
 * static imports. Each file costs a launch about a millisecond, so what is always loaded together is one file; all else
 * rolldown cuts at each import(). test/system/start-up.test.ts holds which files each command loads.
 */
const BUNDLES = {
  /** what `--version` loads too */
  cli: ['cli'],
  /** what every launch loads */
  core: ['cli/core'],
  /** what a launch loads where no snapshot is proven */
  build: [
    'cli/commands/snapshot',
    'snapshot/take/build',
    'snapshot/store/executable',
    'snapshot/store/remove-tree',
    'commands/take/gate',
    'commands/take/list-installation',
    'commands/take/lost-by-copy',
  ],
  /** what looks at processes: `status`, and a wipe */
  nodes: ['cli/commands/status', 'snapshot/store/liveness'],
};

/**
 * Which bundle each module belongs to, by a walk over the imports from each entry in turn.
 * @param {{ getModuleInfo(id: string): { importedIds: string[] } | null }} graph
 */
function assignBundles(graph) {
  /** @type {Map<string, string>} */
  const bundleOf = new Map();
  /** @param {string} id @param {string} bundle */
  const assign = (id, bundle) => {
    if (bundleOf.has(id)) return;
    bundleOf.set(id, bundle);
    for (const imported of graph.getModuleInfo(id)?.importedIds ?? []) assign(imported, bundle);
  };
  for (const [bundle, entries] of Object.entries(BUNDLES)) {
    for (const entry of entries) assign(fileURLToPath(new URL(`src/${entry}.ts`, import.meta.url)), bundle);
  }
  return bundleOf;
}

/** @type {Map<string, string> | undefined} */
let bundleOf;

/** The names of functions stay, for stack traces. */
const MINIFY = {
  mangle: { keepNames: true },
  compress: true,
  codegen: { removeWhitespace: true },
};

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
  plugins: [licenses('LICENSES')],
  preserveEntrySignatures: false,
  output: {
    dir: 'dist',
    format: 'cjs',
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [
        {
          debugName: 'by entry',
          /** @param {string} id @param {import('rolldown').ChunkingContext} graph */
          name: (id, graph) => {
            bundleOf ??= assignBundles(graph);
            return bundleOf.get(id) ?? null;
          },
        },
      ],
    },
    entryFileNames: '[name].cjs',
    // A package manager replaces them one by one. With the hash in its name no file meets one of another build.
    chunkFileNames: '[name]-[hash:8].cjs',
    hashCharacters: 'hex',
    charset: 'ascii', // V8 keeps a text with other characters as UTF-16, which takes longer to scan
    externalLiveBindings: false, // exports as plain values: ours never change
    sourcemap: false,
    minify: MINIFY,
  },
};

/** The manifest alone, for anything that runs JavaScript. */
const manifest = {
  input: { manifest: 'src/manifest.ts' },
  plugins: [licenses('manifest.LICENSES')],
  output: { dir: 'dist', format: 'es', codeSplitting: false, minify: MINIFY },
};

export default [program, library, manifest];
