/** holdfast as a library, as a program imports it: from the built package, with its types. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HOLDFAST, holdfast } from '../helpers/holdfast.ts';
import { makeInstallation, tempDir } from '../helpers/stand-in.ts';

const checkout = join(HOLDFAST, '../..');

/** A directory in which `import 'holdfast'` finds the built package. */
function makeProject(source: string, { types }: { types?: string[] } = { types: ['node'] }): string {
  const dir = tempDir();
  mkdirSync(join(dir, 'node_modules/@types'), { recursive: true });
  symlinkSync(checkout, join(dir, 'node_modules/holdfast'));
  symlinkSync(join(checkout, 'node_modules/@types/node'), join(dir, 'node_modules/@types/node'));
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  writeFileSync(join(dir, 'main.ts'), source);
  const options = {
    module: 'NodeNext',
    target: 'ES2023',
    strict: true,
    ...(types && { types }),
    skipLibCheck: false,
  };
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['main.ts'] }));
  return dir;
}

const compile = (dir: string) =>
  spawnSync(process.execPath, [join(checkout, 'node_modules/typescript/bin/tsc'), '--project', dir], {
    cwd: dir,
    encoding: 'utf8',
  });

test('builds, verifies and computes what the command line does', () => {
  const dir = makeProject(`
import { buildSnapshot, HoldfastError, type ManifestFile, merkleRoot, verifySnapshot } from 'holdfast';
const [lightningd = '', lightningDir = ''] = process.argv.slice(2);
const snapshot = await buildSnapshot({ lightningd, lightningDir });
const { verdict } = await verifySnapshot(snapshot.path, { expectRoot: snapshot.root });
const { readFileSync } = await import('node:fs');
const files: ManifestFile[] = JSON.parse(readFileSync(snapshot.path + '/manifest.json', 'utf8')).files;
let code = '';
try {
  await buildSnapshot({ lightningd: '/nowhere/lightningd', lightningDir });
} catch (error) {
  if (error instanceof HoldfastError) code = error.code;
}
console.log(JSON.stringify({ root: snapshot.root, verdict, computed: merkleRoot(files.reverse()), code }));
`);
  expect(compile(dir)).toMatchObject({ status: 0, stdout: '' });
  const installed = makeInstallation(join(dir, 'usr'), 'v25.12');
  const said = execFileSync(
    process.execPath,
    [join(dir, 'main.js'), installed.lightningd, join(dir, 'lightning')],
    {
      encoding: 'utf8',
    },
  );
  const root = holdfast(['root', installed.prefix]).stdout.trim();
  expect(JSON.parse(said)).toEqual({ root, verdict: 'ok', computed: root, code: 'NOT_FOUND' });
});

test('its types refuse what the functions would', () => {
  const dir = makeProject(`
import { buildSnapshot } from 'holdfast';
void buildSnapshot({ method: 'pin' });
`);
  expect(compile(dir).stdout).toMatch(/main\.ts\(3,.*Type '"pin"' is not assignable/s);
});

test('without types it refuses them itself, and makes nothing', () => {
  const dir = makeProject('');
  const { lightningd } = makeInstallation(join(dir, 'usr'), 'v25.12');
  const call = `const { buildSnapshot } = await import('holdfast');
const place = { lightningd: '${lightningd}', lightningDir: '${dir}/lightning' };
for (const slip of [{ method: 'hard-link' }, { method: 'pin' }, { libraries: 'held' }, { settleMs: NaN }])
  await buildSnapshot({ ...place, ...slip }).catch(({ name, code }) => console.log(name, code));`;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', call], {
    cwd: dir,
    encoding: 'utf8',
  });
  expect(said).toBe('HoldfastError USAGE\n'.repeat(4));
  expect(existsSync(join(dir, 'lightning'))).toBe(false);
});

test('refuses a path or a root that is none, and both an installation and an archive', () => {
  const dir = makeProject('');
  const { lightningd } = makeInstallation(join(dir, 'usr'), 'v25.12');
  const call = `const { buildSnapshot, verifySnapshot } = await import('holdfast');
const place = { lightningd: '${lightningd}', lightningDir: '${dir}/lightning' };
const slips = [{ lightningDir: '' }, { lightningDir: 5 }, { snapshotDir: '' }, { lightningd: '' }, { from: '${dir}/x.tar' },
  { expectRoot: '' }, { expectRoot: 'A'.repeat(64) }].map(slip => buildSnapshot({ ...place, ...slip }));
slips.push(verifySnapshot(''), verifySnapshot(null), verifySnapshot('${dir}', { expectRoot: 'abc' }));
for (const { status, reason } of await Promise.allSettled(slips)) console.log(status, reason?.name, reason?.code);`;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', call], {
    cwd: dir,
    encoding: 'utf8',
  });
  expect(said).toBe('rejected HoldfastError USAGE\n'.repeat(10));
  expect(existsSync(join(dir, 'lightning'))).toBe(false);
  expect(existsSync(join(dir, 'subdaemons'))).toBe(false);
});

test("an error of holdfast/manifest is a HoldfastError of holdfast's too, and the other way round", () => {
  const call = `import * as all from 'holdfast';
import * as manifest from 'holdfast/manifest';
const thrown = call => { try { call(); } catch (error) { return error; } };
for (const files of [undefined, null, {}, [null], [undefined], [1]])
  if (thrown(() => all.merkleRoot(files))?.code !== 'MANIFEST_INVALID') console.log('merkleRoot of', files);
for (const error of [thrown(() => manifest.parseManifest(new Uint8Array(1))), thrown(() => all.merkleRoot([{}])), new Error('x')])
  console.log(error instanceof all.HoldfastError, error instanceof manifest.HoldfastError, error instanceof Error);`;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', call], {
    cwd: makeProject(''),
    encoding: 'utf8',
  });
  expect(said).toBe('true true true\ntrue true true\nfalse false true\n');
});

test('its types find those of Node themselves, as TypeScript takes in none since version 6', () => {
  const dir = makeProject(
    `
import { buildSnapshot } from 'holdfast';
export const root: Promise<string> = buildSnapshot().then(({ root }) => root);
`,
    {},
  );
  expect(compile(dir)).toMatchObject({ status: 0, stdout: '' });
});

test('docs/reference.md says what the types say, and every exported name is in it', () => {
  const file = join(tempDir(), 'reference.md');
  execFileSync(process.execPath, [join(checkout, 'scripts/reference.js'), file]);
  const text = readFileSync(file, 'utf8');
  expect(
    readFileSync(join(checkout, 'docs/reference.md'), 'utf8'),
    'npm run reference brings it up to date',
  ).toBe(text);
  const names = execFileSync(
    process.execPath,
    [
      '-p',
      "(async () => { for (const m of ['holdfast', 'holdfast/manifest']) console.log(Object.keys(await import(m)).join('\\n')) })(), ''",
    ],
    {
      cwd: makeProject(''),
      encoding: 'utf8',
    },
  );
  for (const name of names.split('\n').filter(Boolean)) expect(text).toContain(`\n### ${name}\n`);
  const [, unexported = ''] = text.split('\n## Types that these name\n');
  const headings = unexported.match(/^### .*$/gm) ?? [];
  expect(headings, 'each is there once: two of a name could not be told apart').toEqual([
    ...new Set(headings),
  ]);
});
