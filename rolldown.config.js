/**
 * One CommonJS bundle per command: Node 20 starts a CommonJS script about 5 ms sooner than a module (measured).
 * koffi stays outside: it finds its native library beside itself.
 */
import { readFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

export default {
  input: { cli: 'src/cli.ts' },
  platform: 'node',
  transform: { define: { __VERSION__: JSON.stringify(version) } },
  external: [/^koffi/],
  output: {
    dir: 'dist',
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name].cjs',
    sourcemap: false,
  },
};
