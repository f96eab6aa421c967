/** A plugin of rolldown: the licences of the packages whose code it bundles, as a file beside it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonSync } from 'fs-extra/esm';

/** @param {string} fileName @returns {import('rolldown').Plugin} */
export function licenses(fileName) {
  return {
    name: 'licenses',
    generateBundle(_options, bundle) {
      const modules = Object.values(bundle).flatMap(chunk => (chunk.type === 'chunk' ? chunk.moduleIds : []));
      const packages = modules.flatMap(id => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []);
      this.emitFile({
        type: 'asset',
        fileName,
        source: [...new Set(packages)].sort().map(licenseOf).join('\n'),
      });
    },
  };
}

/** @param {string} directory a package's */
function licenseOf(directory) {
  const { name, version, license } = readJsonSync(join(directory, 'package.json'));
  const file = readdirSync(directory).find(entry => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${name} has no file with its licence`);
  return `${name} ${version} (${license})\n\n${readFileSync(join(directory, file), 'utf8')}\n`;
}
