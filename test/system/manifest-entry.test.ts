/** `holdfast/manifest` where it is to be used: in Node, and in a browser, of which it needs nothing but the language. */
import { execFile, spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readFileSync } from 'fs-extra';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HOLDFAST } from '../helpers/holdfast.ts';
import { tempDir } from '../helpers/stand-in.ts';

const checkout = join(HOLDFAST, '../..');
const bundle = readFileSync(join(checkout, 'dist/manifest.js'), 'utf8');

/** What a user would write: a manifest made and read again, a proof made and checked, and one that does not hold. */
const USE = `
const file = (path, digit) => ({ path, mode: '100755', size: 1, sha256: digit.repeat(64) });
const files = [file('libexec/c-lightning/lightning_openingd', 'b'), file('bin/lightningd', 'a'), file('bin/\u{1f980}', 'c')];
const manifest = parseManifest(new TextEncoder().encode(formatManifest(makeManifest('v25.12', files))));
const proof = inclusionProof(manifest, 'bin/lightningd');
let code = '';
try {
  parseManifest(new TextEncoder().encode('{}'));
} catch (error) {
  if (error instanceof HoldfastError) code = error.code;
}
const said = JSON.stringify({
  root: manifest.root,
  same: merkleRoot(files.reverse()) === manifest.root,
  holds: checkInclusion(parseProof(new TextEncoder().encode(JSON.stringify(proof))), manifest.root),
  other: checkInclusion({ ...proof, file: file('bin/lightningd', 'd') }, manifest.root),
  code,
});
`;
const IMPORT =
  'checkInclusion, formatManifest, HoldfastError, inclusionProof, makeManifest, merkleRoot, parseManifest, parseProof';
/** The root by hand: docs/manifest.md's algorithm with node:crypto. */
const EXPECTED = {
  root: 'e557c0a0d4adc814d8193483d88634582ef0ce25d3cea14b46c22bfbbdd9ca25',
  same: true,
  holds: true,
  other: false,
  code: 'MANIFEST_INVALID',
};

test('in Node, without a built-in module', () => {
  expect(bundle).not.toMatch(/node:|\brequire\(|\bBuffer\b/);
  const script = `import { ${IMPORT} } from '${join(checkout, 'dist/manifest.js')}';${USE}console.log(said);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual(EXPECTED);
});

const page = `<pre></pre><script type="module">
import { ${IMPORT} } from '/manifest.js';${USE}
document.querySelector('pre').textContent = said;
</script>`;
const server = createServer(({ url }, response) => {
  const isBundle = url === '/manifest.js';
  response.setHeader('content-type', isBundle ? 'text/javascript' : 'text/html; charset=utf-8');
  response.end(isBundle ? bundle : page);
});

beforeAll(() => new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve)));
afterAll(() => new Promise(resolve => server.close(resolve)));

test('in a browser', async ctx => {
  if (spawnSync('chromium', ['--version']).status !== 0) ctx.skip('no chromium: apt-get install chromium');
  const { port } = server.address() as AddressInfo;
  const { stdout } = await promisify(execFile)('chromium', [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    `--user-data-dir=${tempDir()}`,
    '--virtual-time-budget=10000',
    '--dump-dom',
    `http://127.0.0.1:${port}/`,
  ]);
  expect(JSON.parse(/<pre>(.*)<\/pre>/.exec(stdout)?.[1] ?? '')).toEqual(EXPECTED);
});
