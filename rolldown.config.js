/**
 * One CommonJS bundle per command: Node 20 starts a CommonJS script about 5 ms sooner than a module (measured).
 * koffi stays outside: it finds its native library beside itself.
 */
export default {
  input: { cli: 'src/cli.ts' },
  platform: 'node',
  external: [/^koffi/],
  output: {
    dir: 'dist',
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name].cjs',
    sourcemap: false,
  },
};
