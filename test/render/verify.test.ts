/** What verify says as text, on results made by hand. */
import { expect, it } from 'vitest';
import type { VerifyResult } from '../../src/commands/verify.ts';
import { renderVerify } from '../../src/render/verify.ts';
import { CHECKS } from '../../src/snapshot/verify/ledger.ts';
import type { SnapshotReport } from '../../src/snapshot/verify/verify.ts';

const ROOT = '0123456789abcdef'.repeat(4);

const SNAPSHOT: SnapshotReport = {
  path: '/store/0123456789abcdef',
  verdict: 'ok',
  gone: false,
  root: ROOT,
  version: 'v25.12',
  files: 34,
  libraries: null,
  bytes: 128_400_000,
  checks: CHECKS.map(name => ({ name, result: 'ok' })),
  findings: [],
  unknowns: [],
  notes: [],
};

function text(result: Partial<VerifyResult>, verbose = false): string {
  return renderVerify(
    { verdict: 'ok', snapshots: [], unknowns: [], running: null, proof: null, ...result },
    verbose,
  );
}

it('a snapshot that is well is two lines', () => {
  expect(text({ snapshots: [SNAPSHOT] })).toBe(
    `'/store/0123456789abcdef': ok (v25.12, 34 files, 128.4 MB)\n  root ${ROOT}\n`,
  );
});

it('with --verbose each check has a line', () => {
  expect(text({ snapshots: [SNAPSHOT] }, true).split('\n')).toContain('  nothing-extra: ok');
});

it('findings have what was expected below what was found, unknowns and notes a line each', () => {
  const harmed: SnapshotReport = {
    ...SNAPSHOT,
    root: null,
    version: null,
    files: 1,
    libraries: null,
    bytes: 12,
    findings: [
      { path: 'bin/x', check: 'files', expected: '12 bytes', found: '3 bytes', reason: 'it is shorter' },
    ],
    unknowns: [{ path: 'bin/y', check: 'digests', reason: 'cannot open it' }],
    notes: [{ path: 'bin/__pycache__', reason: 'not checked' }],
  };
  expect(text({ snapshots: [harmed], unknowns: [{ path: '/gone', reason: 'nothing there' }] })).toBe(
    [
      "'/store/0123456789abcdef': 1 finding, 1 unknown (1 file, 12 bytes)",
      "  'bin/x': it is shorter (files)",
      '    expected 12 bytes',
      '    found    3 bytes',
      "  'bin/y': unknown (digests): cannot open it",
      "  note: 'bin/__pycache__': not checked",
      "'/gone': unknown",
      '  nothing there',
      '',
    ].join('\n'),
  );
});

it('of the processes only those that are not in the manifest are named, and with --verbose all', () => {
  const common = { ppid: 1, sha256: ROOT, reason: null };
  const entry = { snapshot: SNAPSHOT.path, root: ROOT, path: 'bin/lightningd', index: 2, treeSize: 34 };
  const running = {
    verdict: 'finding',
    nodes: [
      {
        pid: 10,
        user: 'bitcoin',
        lightningDir: '/l',
        network: 'regtest',
        snapshot: SNAPSHOT.path,
        processes: [
          {
            ...common,
            pid: 10,
            program: '/store/x/bin/lightningd',
            origin: 'manifest',
            libraries: null,
            entry,
          },
          {
            ...common,
            pid: 11,
            program: '/own',
            origin: 'operator',
            libraries: null,
            entry: null,
            reason: 'named by plugin=',
          },
          {
            ...common,
            pid: 12,
            program: '/evil\n',
            origin: 'foreign',
            libraries: null,
            entry: null,
            reason: 'in no manifest',
          },
          {
            ...common,
            pid: 13,
            program: null,
            origin: 'unknown',
            libraries: null,
            entry: null,
            sha256: null,
            reason: 'EACCES',
          },
        ],
      },
    ],
    unknowns: [{ pid: 99, reason: 'hidden' }],
    limits: ['some processes cannot be seen'],
  } as const;
  expect(text({ running })).toBe(
    [
      "lightningd 10 (regtest) from '/store/0123456789abcdef': 4 processes: 1 in the manifest, 1 of the operator's, 1 foreign, 1 unknown",
      "  11 '/own': operator: named by plugin=",
      "  12 '/evil\\n': foreign: in no manifest",
      '  13 not known: unknown: EACCES',
      'process 99: unknown: hidden',
      'note: some processes cannot be seen',
      '',
    ].join('\n'),
  );
  expect(text({ running }, true)).toContain(
    "  10 '/store/x/bin/lightningd': manifest 'bin/lightningd', entry 2 of 34\n",
  );
});

it('a proof that holds is one line', () => {
  const proof = { file: '/x', path: 'bin/lightningd', root: ROOT, findings: [] };
  expect(text({ proof })).toBe(`'/x': ok (the proof is about 'bin/lightningd' of root ${ROOT})\n`);
});
