/** What verify, status and guard say of held libraries, and of a node that uses the system's. */
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { HOLDFAST, holdfast, snapshotJson } from '../helpers/holdfast.ts';
import {
  breakLibraries,
  currentOf,
  makeNeeding,
  mapped,
  type Needing,
  removeLibraries,
} from '../helpers/libraries.ts';
import { until } from '../helpers/running.ts';
import { readJson } from '../helpers/schema.ts';
import { childrenOf, makeLibraries, noCompiler, startNode, tempDir } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

function make() {
  const dir = tempDir();
  const lightningDir = join(dir, 'lightning');
  return { dir, lightningDir, place: `--lightning-dir=${lightningDir}`, needing: makeNeeding(dir) };
}

async function startHeld({ installed }: Needing, lightningDir: string, ...own: string[]) {
  const node = await startNode(installed, lightningDir, {
    command: [HOLDFAST, 'run', ...own, installed.lightningd],
  });
  const all = () => childrenOf(node.pid).every(pid => mapped(pid, 'libdeep').length > 0);
  await until('all its programs to be loaded', all);
  return node;
}

function startPlain({ installed }: Needing, lightningDir: string) {
  return startNode(installed, lightningDir);
}

/** A command's answer, which is what its schema says. */
function json(command: 'verify' | 'status' | 'guard', ...words: string[]) {
  const { status, stdout } = holdfast([command, '--json', ...words]);
  return { status, value: readJson(command, stdout) };
}

/** Has the soname lead to another file, as ldconfig(8) does. @returns the file that it led to, which stays */
function switchLink(libraryDir: string): string {
  const before = join(libraryDir, 'libdeep.so.2.1');
  const text = readFileSync(before);
  writeFileSync(join(libraryDir, 'libdeep.so.2.2'), Buffer.concat([text, Buffer.from('another')]));
  symlinkSync('libdeep.so.2.2', join(libraryDir, 'new'));
  renameSync(join(libraryDir, 'new'), join(libraryDir, 'libdeep.so.2'));
  return before;
}

const LIBRARY = '.libraries/libdeep.so.2';
const unlinked = (path: string) => {
  const content = readFileSync(path);
  rmSync(path); // whatever it shares with the system's stays as it is
  return content;
};

/** Damage, and what verify must find: path and check. */
const DAMAGE: readonly [what: string, damage: (snapshot: string) => void, path: string, check: string][] = [
  [
    'a library with another byte',
    snapshot => {
      const content = unlinked(join(snapshot, LIBRARY));
      content[content.length - 1] = (content.at(-1) ?? 0) ^ 1;
      writeFileSync(join(snapshot, LIBRARY), content);
    },
    LIBRARY,
    'digests',
  ],
  [
    'a library that was cut short',
    snapshot => writeFileSync(join(snapshot, LIBRARY), unlinked(join(snapshot, LIBRARY)).subarray(0, 99)),
    LIBRARY,
    'files',
  ],
  ['a library that is missing', snapshot => rmSync(join(snapshot, LIBRARY)), LIBRARY, 'files'],
  [
    'a library replaced by a link',
    snapshot => {
      unlinked(join(snapshot, LIBRARY));
      symlinkSync('/etc/passwd', join(snapshot, LIBRARY));
    },
    LIBRARY,
    'files',
  ],
  [
    'a library more',
    snapshot => writeFileSync(join(snapshot, '.libraries/libc.so.6'), ''),
    '.libraries/libc.so.6',
    'nothing-extra',
  ],
  [
    'a library that others may write',
    snapshot => {
      writeFileSync(join(snapshot, LIBRARY), unlinked(join(snapshot, LIBRARY)));
      chmodSync(join(snapshot, LIBRARY), 0o666);
    },
    LIBRARY,
    'permissions',
  ],
  ['no list of them', snapshot => rmSync(join(snapshot, 'libraries.json')), 'libraries.json', 'libraries'],
  [
    'a list that is none',
    snapshot => appendFileSync(join(snapshot, 'libraries.json'), ' '),
    'libraries.json',
    'libraries',
  ],
  [
    'a list that is a FIFO',
    snapshot => {
      rmSync(join(snapshot, 'libraries.json'));
      spawnSync('mkfifo', [join(snapshot, 'libraries.json')]);
    },
    'libraries.json',
    'libraries',
  ],
  [
    'a link to them that is missing',
    snapshot => rmSync(join(snapshot, 'bin/.libraries')),
    'bin/.libraries',
    'libraries',
  ],
  [
    'a link that leads elsewhere',
    snapshot => {
      rmSync(join(snapshot, 'bin/.libraries'));
      symlinkSync('/tmp', join(snapshot, 'bin/.libraries'));
    },
    'bin/.libraries',
    'libraries',
  ],
  [
    'a directory in the place of a link',
    snapshot => {
      rmSync(join(snapshot, 'bin/.libraries'));
      mkdirSync(join(snapshot, 'bin/.libraries'));
    },
    'bin/.libraries',
    'libraries',
  ],
];

describe.each(DAMAGE)('%s', (_what, damage, path, check) => {
  test('is found by verify, and not believed by a launch', () => {
    const { place, needing } = make();
    const words = [needing.installed.lightningd, place];
    const { path: snapshot } = snapshotJson(words);
    expect(json('verify', snapshot)).toMatchObject({
      status: 0,
      value: { snapshots: [{ libraries: { files: 2 } }] },
    });
    damage(snapshot);
    const { status, value } = json('verify', snapshot);
    expect(status).toBe(1);
    const findings = value.snapshots[0].findings.map((each: { path: string; check: string }) => [
      each.path,
      each.check,
    ]);
    expect(findings).toEqual([[path, check]]);
    const next = snapshotJson(words);
    expect(next).toMatchObject({ path: snapshot, reused: false });
    expect(json('verify', snapshot).status).toBe(0);
    expect(existsSync(needing.libraryDir)).toBe(true);
  });
});

test('verify --running says what is loaded: what is held, and of the system’s what is gone', async () => {
  const { lightningDir, place, needing } = make();
  await startHeld(needing, lightningDir);
  const held = json('verify', '--running', place);
  expect(held.status).toBe(0);
  for (const { libraries } of held.value.running.nodes[0].processes) {
    if (libraries === null) continue; // a script's
    expect(libraries).toMatchObject({ held: 2, deleted: [], astray: [] });
    expect(libraries.system.join()).toMatch(/libc\.so/);
  }
  breakLibraries(needing.libraryDir);
  expect(json('verify', '--running', place).status).toBe(0);
  expect(holdfast(['verify', '--running', place]).stdout).toContain(
    'libraries: 2 held, the others the system’s'.replace('’', "'"),
  );
});

test('verify --running of a node that leaves libraries to the system names those that are gone', async () => {
  const { lightningDir, place, needing } = make();
  await startHeld(needing, lightningDir, '--libraries=leave');
  removeLibraries(needing.libraryDir);
  const { value } = json('verify', '--running', place);
  const [lightningd] = value.running.nodes[0].processes;
  expect(lightningd.libraries).toMatchObject({
    held: 0,
    deleted: [join(needing.libraryDir, 'libdeep.so.2.1'), join(needing.libraryDir, 'libstandin.so.1.0.0')],
  });
});

test('verify --running finds a program of the snapshot that loaded another library than the held one', async () => {
  const { dir, lightningDir, place, needing } = make();
  makeLibraries(join(dir, 'other'));
  const node = await startHeld(needing, lightningDir);
  // as a wrapper of the operator's would: another value comes first
  const snapshot = currentOf(lightningDir);
  const { pid } = await startNode(needing.installed, lightningDir, {
    command: ['env', `LD_LIBRARY_PATH=${join(dir, 'other')}`, join(snapshot, 'bin/lightningd')],
    args: ['--network=signet'],
  });
  const { status, value } = json('verify', '--running', place);
  expect(status).toBe(1);
  const astray = value.running.nodes
    .flatMap(
      ({ processes }: { processes: { pid: number; libraries: { astray: string[] } | null }[] }) => processes,
    )
    .filter(
      ({ libraries }: { libraries: { astray: string[] } | null }) => (libraries?.astray.length ?? 0) > 0,
    )
    .map((each: { pid: number }) => each.pid);
  expect(astray).toContain(pid);
  expect(astray).not.toContain(node.pid);
});

test('status: what the system has replaced or lost is nothing to a node with held libraries', async () => {
  const { lightningDir, place, needing } = make();
  await startHeld(needing, lightningDir);
  const first = json('status', place);
  expect(first).toMatchObject({
    status: 0,
    value: {
      nodes: [{ restartPending: false, libraries: { held: 2, replaced: [], lost: [], missing: [] } }],
    },
  });
  makeLibraries(needing.libraryDir); // the same, anew
  expect(json('status', place).value.nodes[0].libraries).toMatchObject({ replaced: [], lost: [] });
  makeLibraries(needing.libraryDir, { version: 'security fix' });
  expect(json('status', place)).toMatchObject({
    status: 0,
    value: {
      nodes: [
        { restartPending: false, libraries: { replaced: ['libstandin.so.1', 'libdeep.so.2'], lost: [] } },
      ],
    },
  });
  expect(holdfast(['status', place]).stdout).toMatch(/libraries 2 held; the system has replaced 'libstandin/);
  removeLibraries(needing.libraryDir);
  const lost = json('status', place);
  expect(lost).toMatchObject({
    status: 0,
    value: { nodes: [{ libraries: { held: 2, replaced: [], lost: ['libstandin.so.1', 'libdeep.so.2'] } }] },
  });
  const metrics = holdfast(['status', '--openmetrics', place]).stdout;
  expect(metrics).toMatch(/holdfast_node_held_libraries\{.*\} 2\n/);
  expect(metrics).toMatch(/holdfast_node_replaced_libraries\{.*\} 2\n/);
  expect(json('guard', '--after', '--', needing.installed.lightningd)).toMatchObject({ status: 0 });
});

test('status: a soname link that leads to another file by now is said, and nothing to a node with held libraries', async () => {
  const { lightningDir, place, needing } = make();
  await startHeld(needing, lightningDir);
  switchLink(needing.libraryDir);
  expect(json('status', place)).toMatchObject({
    status: 0,
    value: {
      nodes: [{ restartPending: false, libraries: { held: 2, replaced: ['libdeep.so.2'], lost: [] } }],
    },
  });
});

describe.each([
  ['a plain node', startPlain],
  [
    'a node with --libraries=leave',
    (needing: Needing, dir: string) => startHeld(needing, dir, '--libraries=leave'),
  ],
] as const)('%s', (_what, begin) => {
  test('status and guard --after say that a library which it needs later is gone', async () => {
    const { lightningDir, place, needing } = make();
    const node = await begin(needing, lightningDir);
    expect(json('status', place)).toMatchObject({
      status: 0,
      value: {
        nodes: [{ restartPending: false, libraries: { held: 0, replaced: [], lost: [], missing: [] } }],
      },
    });
    removeLibraries(needing.libraryDir);
    const { status, value } = json('status', place);
    expect(status).toBe(1);
    expect(value.nodes[0]).toMatchObject({
      restartPending: true,
      reason: expect.stringMatching(/is gone: the next channel will fail: restart now$/),
    });
    const programs = value.nodes[0].libraries.missing.map(({ program }: { program: string }) => program);
    expect(programs).toContain('libexec/c-lightning/lightning_openingd');
    const guarded = json('guard', '--after', '--', needing.installed.lightningd);
    expect(guarded.status).toBe(1);
    expect(guarded.value.nodes.find(({ pid }: { pid: number }) => pid === node.pid)).toMatchObject({
      libraries: expect.stringContaining('restart now'),
      advice: expect.stringContaining(`stop PID ${node.pid}`),
    });
  });

  test('status says that a soname link leads to another file by now, though the one that is loaded is still there', async () => {
    const { lightningDir, place, needing } = make();
    await begin(needing, lightningDir);
    const before = switchLink(needing.libraryDir);
    const { status, value } = json('status', place);
    expect(status).toBe(1);
    expect(value.nodes[0]).toMatchObject({
      restartPending: true,
      reason: expect.stringMatching(/^libdeep\.so\.2\.1 was replaced, .* restart before the next channel$/),
      libraries: { replaced: [before], lost: [], missing: [] },
    });
    expect(holdfast(['status', place]).stdout).toContain('restart before the next channel');
    symlinkSync('libdeep.so.2.1', join(needing.libraryDir, 'again'));
    renameSync(join(needing.libraryDir, 'again'), join(needing.libraryDir, 'libdeep.so.2'));
    expect(json('status', place)).toMatchObject({
      status: 0,
      value: { nodes: [{ libraries: { replaced: [] } }] },
    });
  });

  test('status says that a library which it has loaded was replaced', async () => {
    const { lightningDir, place, needing } = make();
    await begin(needing, lightningDir);
    makeLibraries(needing.libraryDir, { version: 'security fix' });
    const { status, value } = json('status', place);
    expect(status).toBe(1);
    expect(value.nodes[0]).toMatchObject({
      restartPending: true,
      reason: expect.stringContaining('restart before the next channel'),
      libraries: { lost: [], missing: [] },
    });
    expect(value.nodes[0].libraries.replaced).toHaveLength(2);
  });
});
