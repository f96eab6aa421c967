/**
 * A plugin of rolldown: CommonJS chunks that load quicker (BENCHMARKS.md has how much).
 *
 * - Exports are plain properties. rolldown makes each a getter, so that a value that changes later is seen: ours never do.
 * - Its helpers stand where they are needed instead of in a file of their own.
 * - All is ASCII. V8 keeps a text with other characters as UTF-16, which takes longer to scan.
 */

const GETTER =
  /Object\.defineProperty\(exports,"(\w+)",\{enumerable:!0,get:function\(\)\{return ([\w$]+)\}\}\)/g;
const HELPERS = 'rolldown-runtime.cjs';

/** @returns {import('rolldown').Plugin} */
export function quickChunks() {
  return {
    name: 'quick-chunks',
    generateBundle(_options, bundle) {
      const chunks = Object.values(bundle).filter(chunk => chunk.type === 'chunk');
      const codes = new Map(
        chunks.map(({ fileName, code }) => [fileName, code.replace(GETTER, 'exports.$1=$2')]),
      );
      const helpers = codes.get(HELPERS);
      if (helpers === undefined || !helpers.includes(';exports.')) {
        throw new Error(
          'rolldown writes its exports in another way: scripts/quick-chunks.js does not know it',
        );
      }
      for (const chunk of chunks) {
        chunk.code = (codes.get(chunk.fileName) ?? '')
          .replace(`require("./${HELPERS}")`, () => `(exports=>{${helpers}return exports})({})`)
          .replace(/[^\0-\x7f]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
      }
      delete bundle[HELPERS];
    },
  };
}
