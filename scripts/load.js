/** A module of src/ for the scripts of the build, bundled in memory: Node 20 reads no TypeScript. */
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

/**
 * @param {string} path below src/
 * @returns {Promise<any>} what it exports
 */
export async function load(path) {
  const input = fileURLToPath(new URL(`../src/${path}`, import.meta.url));
  const bundle = await rolldown({ input, platform: 'node' });
  const { output } = await bundle.generate({ format: 'esm' });
  return import(`data:text/javascript,${encodeURIComponent(output[0].code)}`);
}
