/**
 * Which part may import which: the floors of the house, as ARCHITECTURE.md draws them. A module imports from its own
 * folder and from the floors named here, never up and never across; nothing goes round in a circle, types included.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

const SRC = join(import.meta.dirname, '..', 'src');

/** Each folder (or file at the top of src/), and what it may import besides itself; `x` includes all below `x/`. */
const FLOORS: Readonly<Record<string, readonly string[]>> = {
  'errors.ts': [],
  'verdict.ts': [],
  'exit-codes.ts': ['errors.ts', 'verdict.ts'],
  manifest: ['errors.ts'],
  linux: ['errors.ts'],
  archive: ['errors.ts', 'manifest', 'linux'],
  launch: ['errors.ts', 'linux'],
  'lightning/config': ['errors.ts', 'linux'],
  'lightning/packages': ['errors.ts', 'linux'],
  'lightning/installation': ['errors.ts', 'linux', 'lightning/config', 'lightning/packages'],
  'lightning/nodes': ['errors.ts', 'linux', 'lightning/config'],
  'snapshot/hash': ['errors.ts', 'linux'],
  'snapshot/store': ['errors.ts', 'manifest', 'linux', 'snapshot/hash'],
  'snapshot/record': ['errors.ts', 'linux', 'snapshot/store'],
  'snapshot/libraries': [
    'errors.ts',
    'manifest',
    'linux',
    'snapshot/hash',
    'snapshot/store',
    'snapshot/record',
  ],
  'snapshot/place': ['errors.ts', 'linux', 'snapshot/store', 'snapshot/record'],
  'snapshot/take': [
    'errors.ts',
    'manifest',
    'linux',
    'snapshot/hash',
    'snapshot/store',
    'snapshot/record',
    'snapshot/place',
    'snapshot/libraries',
  ],
  'snapshot/verify': [
    'errors.ts',
    'verdict.ts',
    'manifest',
    'linux',
    'snapshot/hash',
    'snapshot/store',
    'snapshot/record',
    'snapshot/libraries',
  ],
  'snapshot/fallback': [
    'errors.ts',
    'manifest',
    'linux',
    'snapshot/hash',
    'snapshot/store',
    'snapshot/record',
    'snapshot/place',
  ],
  commands: ['errors.ts', 'verdict.ts', 'archive', 'launch', 'lightning', 'snapshot', 'manifest', 'linux'],
  render: ['errors.ts', 'verdict.ts', 'commands', 'snapshot', 'manifest'],
  cli: [
    'archive',
    'errors.ts',
    'verdict.ts',
    'exit-codes.ts',
    'render',
    'commands',
    'lightning',
    'snapshot',
    'launch',
    'linux',
  ],
  'cli.ts': ['cli', 'errors.ts', 'exit-codes.ts', 'launch', 'linux'],
  'manifest.ts': ['errors.ts', 'manifest'],
  'index.ts': ['errors.ts', 'manifest.ts', 'commands', 'manifest', 'snapshot', 'linux'],
};

interface Module {
  readonly path: string;
  /** paths below src/, or the names of packages and of Node's own modules */
  readonly imports: readonly string[];
}

const modules = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter(path => path.endsWith('.ts') && !path.endsWith('.d.ts'))
  .map(readModule);

function readModule(path: string): Module {
  const text = readFileSync(join(SRC, path), 'utf8');
  const specifiers = [...text.matchAll(/^(?:import|export)\b[^;]*? from '([^']+)'|\bimport\('([^']+)'\)/gms)];
  const imports = specifiers.map(([, fixed, deferred]) => fixed ?? deferred ?? '');
  return {
    path,
    imports: imports.map(name => (name.startsWith('.') ? normalize(join(dirname(path), name)) : name)),
  };
}

/** The row of the table that a module is on: the longest name that it lies below. */
function floorOf(path: string): string | undefined {
  const names = Object.keys(FLOORS).filter(name => isOn(path, name));
  return names.sort((a, b) => b.length - a.length)[0];
}

function isOn(path: string, name: string): boolean {
  return path === name || path.startsWith(`${name}/`);
}

test('every module is on a floor, and imports only from its own and from those that the table names', () => {
  const wrong = modules.flatMap(({ path, imports }) => {
    const floor = floorOf(path);
    if (floor === undefined) return [`${path} is on no floor`];
    const allowed = [floor, ...FLOORS[floor]!]; // one of its keys
    return imports
      .filter(target => target.endsWith('.ts') && !allowed.some(name => isOn(target, name)))
      .map(target => `${path} imports ${target}`);
  });
  expect(wrong).toEqual([]);
});

test('no module reaches itself through its imports', () => {
  const importsOf = new Map(
    modules.map(({ path, imports }) => [path, imports.filter(name => name.endsWith('.ts'))]),
  );
  const done = new Set<string>();
  const circles: string[] = [];
  const walk = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(' -> '));
    if (way.includes(path) || done.has(path)) return;
    for (const next of importsOf.get(path) ?? []) walk(next, [...way, path]);
    done.add(path);
  };
  for (const { path } of modules) walk(path, []);
  expect(circles).toEqual([]);
});

test('native code is loaded in one place, and the manifest touches no file', () => {
  const users = (name: RegExp) => modules.filter(({ imports }) => imports.some(target => name.test(target)));
  expect(users(/^koffi$/).map(({ path }) => path)).toEqual([]); // libc.ts requires it, when it is needed
  expect(readFileSync(join(SRC, 'linux/libc.ts'), 'utf8')).toContain("'koffi'");
  expect(users(/^node:fs/).filter(({ path }) => path.startsWith('manifest/'))).toEqual([]);
});
