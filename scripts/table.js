/** The table of commands and options, for what is made from it: src/cli/table.ts, bundled in memory. */
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

/** @returns {Promise<typeof import('../src/cli/table.ts')>} */
export async function readTable() {
  const input = fileURLToPath(new URL('../src/cli/table.ts', import.meta.url));
  const bundle = await rolldown({ input, platform: 'node' });
  const { output } = await bundle.generate({ format: 'esm' });
  return import(`data:text/javascript,${encodeURIComponent(output[0].code)}`);
}
