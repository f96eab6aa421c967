import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escapePath } from '../../../src/snapshot/fallback/escape-path.ts';

test.each([
  ['/home/alice/.lightning', 'home-alice-.lightning'],
  ['/home/al-ice/.light ning/ü~', String.raw`home-al\x2dice-.light\x20ning-\xc3\xbc\x7e`],
  ['/.x//y/', String.raw`\x2ex-y`],
  ['/', '-'],
])('%s becomes %s', (path, name) => {
  expect(escapePath(path)).toBe(name);
});

test('as systemd-escape --path does', ctx => {
  const paths = ['/a/b.c', '/.hidden/-x', '/with space/ü', '/a:b/c_d@e'];
  const { status, stdout } = spawnSync('systemd-escape', ['--path', ...paths], { encoding: 'utf8' });
  if (status !== 0) return ctx.skip('there is no systemd-escape here');
  expect(paths.map(escapePath).join(' ')).toBe(stdout.trim());
});

test('every path gives a file name, and no two paths the same', () => {
  const path = fc
    .array(
      fc.string({ minLength: 1, unit: 'grapheme' }).filter(part => !/[/\0]/.test(part)),
      { maxLength: 30 },
    )
    .map(parts => `/${parts.join('/')}`);
  fc.assert(
    fc.property(path, path, (one, other) => {
      const name = escapePath(one);
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
      expect(name).toMatch(/^[^/\0.][^/\0]*$/);
      expect(name === escapePath(other)).toBe(one === other);
    }),
  );
});

test('a path that is too long for a name is cut, and told from its neighbour', () => {
  const long = `/${'x'.repeat(300)}`;
  expect(escapePath(long)).toMatch(/^x{200}~[0-9a-f]{32}$/);
  expect(escapePath(`${long}y`)).not.toBe(escapePath(long));
});
