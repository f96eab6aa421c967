/** Every way to harm a snapshot, one row each, with the finding that it must give. */

import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  formatManifest,
  MAX_MANIFEST_BYTES,
  type Manifest,
  makeManifest,
} from '../../../src/manifest/manifest.ts';
import { sha256 } from '../../../src/snapshot/hash/digest.ts';
import type { CheckName } from '../../../src/snapshot/verify/ledger.ts';
import { verifySnapshot } from '../../../src/snapshot/verify/verify.ts';
import { asUser } from '../../helpers/running.ts';
import { entryOf, SOME_FILES, writeSnapshot } from '../../helpers/snapshots.ts';
import { roomyDir, tempDir } from '../../helpers/stand-in.ts';

const isRoot = process.geteuid?.() === 0;
const OPENINGD = 'libexec/c-lightning/lightning_openingd';
const HSMD = 'libexec/c-lightning/lightning_hsmd';
const ROUTES = 'libexec/c-lightning/plugins/clnrest/routes.txt';

/** Where a harm is done: `at` gives the path of an entry. */
interface Place {
  readonly path: string;
  readonly manifest: Manifest;
  readonly at: (entry: string) => string;
}

interface Harm {
  readonly name: string;
  readonly harm: (place: Place) => unknown;
  /** what must be found: path and check */
  readonly finds: readonly (readonly [path: string, check: CheckName])[];
  readonly needsRoot?: boolean;
}

const HARMS: readonly Harm[] = [
  {
    name: 'one bit flipped',
    harm: ({ at }) => {
      const bytes = readFileSync(at(OPENINGD));
      bytes[3] = bytes[3]! ^ 0x10;
      writeFileSync(at(OPENINGD), bytes);
    },
    finds: [[OPENINGD, 'digests']],
  },
  {
    name: 'a file cut short',
    harm: ({ at }) => truncateSync(at(OPENINGD), 3),
    finds: [[OPENINGD, 'files']],
  },
  { name: 'a file emptied', harm: ({ at }) => truncateSync(at(OPENINGD), 0), finds: [[OPENINGD, 'files']] },
  {
    name: 'a file extended',
    harm: ({ at }) => appendFileSync(at(OPENINGD), 'x'),
    finds: [[OPENINGD, 'files']],
  },
  {
    name: 'a file extended to a terabyte of nothing',
    harm: ({ at }) => truncateSync(at(OPENINGD), 1e12),
    finds: [[OPENINGD, 'files']],
  },
  {
    name: 'two files swapped',
    harm: ({ at }) => {
      renameSync(at(OPENINGD), at('kept'));
      renameSync(at(HSMD), at(OPENINGD));
      renameSync(at('kept'), at(HSMD));
    },
    finds: [
      [HSMD, 'digests'], // both have 14 bytes
      [OPENINGD, 'digests'],
    ],
  },
  {
    name: 'a file swapped for a symbolic link to its own content',
    harm: ({ at, path }) => {
      renameSync(at(OPENINGD), join(dirname(path), 'elsewhere'));
      symlinkSync(join(dirname(path), 'elsewhere'), at(OPENINGD));
    },
    finds: [[OPENINGD, 'files']],
  },
  {
    name: 'a file swapped for a FIFO',
    harm: ({ at }) => {
      rmSync(at(OPENINGD));
      execFileSync('mkfifo', ['-m', '644', at(OPENINGD)]);
    },
    finds: [[OPENINGD, 'files']],
  },
  {
    name: 'a file swapped for a directory',
    harm: ({ at }) => {
      rmSync(at(OPENINGD));
      mkdirSync(at(OPENINGD), { mode: 0o755 });
    },
    finds: [[OPENINGD, 'files']],
  },
  {
    name: 'a directory swapped for a symbolic link to a copy',
    harm: ({ at, path }) => {
      renameSync(at('bin'), join(dirname(path), 'bin'));
      symlinkSync('../bin', at('bin'));
    },
    finds: [
      ['bin/lightning-cli', 'files'],
      ['bin/lightningd', 'files'],
      ['bin', 'nothing-extra'],
    ],
  },
  {
    name: 'a directory swapped for a FIFO',
    harm: ({ at }) => {
      rmSync(at('bin'), { recursive: true });
      execFileSync('mkfifo', ['-m', '644', at('bin')]);
    },
    finds: [
      ['bin/lightning-cli', 'files'],
      ['bin/lightningd', 'files'],
      ['bin', 'nothing-extra'],
    ],
  },
  {
    name: 'a program that is not executable any more',
    harm: ({ at }) => chmodSync(at(OPENINGD), 0o644),
    finds: [[OPENINGD, 'files']],
  },
  {
    name: 'a data file made executable',
    harm: ({ at }) => chmodSync(at(ROUTES), 0o744),
    finds: [[ROUTES, 'files']],
  },
  {
    name: 'a set-user-ID bit',
    harm: ({ at }) => chmodSync(at(HSMD), 0o4755),
    finds: [[HSMD, 'permissions']],
  },
  {
    name: 'a set-group-ID bit',
    harm: ({ at }) => chmodSync(at(HSMD), 0o2755),
    finds: [[HSMD, 'permissions']],
  },
  {
    name: 'a file writable by its group',
    harm: ({ at }) => chmodSync(at(HSMD), 0o775),
    finds: [[HSMD, 'permissions']],
  },
  {
    name: 'a directory writable by others',
    harm: ({ at }) => chmodSync(at('bin'), 0o757),
    finds: [['bin', 'permissions']],
  },
  {
    name: 'the snapshot itself writable by its group',
    harm: ({ path }) => chmodSync(path, 0o775),
    finds: [['.', 'permissions']],
  },
  {
    name: 'the manifest writable by others',
    harm: ({ at }) => chmodSync(at('manifest.json'), 0o646),
    finds: [['manifest.json', 'permissions']],
  },
  {
    name: 'a file given to another user',
    harm: ({ at }) => chownSync(at(OPENINGD), 54321, 54321),
    finds: [[OPENINGD, 'owners']],
    needsRoot: true,
  },
  {
    name: 'the whole snapshot given to another user',
    harm: ({ path }) => chownSync(path, 54321, 54321),
    finds: [['.', 'owners']],
    needsRoot: true,
  },
  {
    name: 'a file that nobody took',
    harm: ({ at }) => writeFileSync(at('libexec/c-lightning/plugins/evil'), '', { mode: 0o755 }),
    finds: [['libexec/c-lightning/plugins/evil', 'nothing-extra']],
  },
  {
    name: 'a directory that nobody made, with a file in it',
    harm: ({ at }) => {
      mkdirSync(at('libexec/c-lightning/plugins/evil'), { mode: 0o755 });
      writeFileSync(at('libexec/c-lightning/plugins/evil/evil.py'), '', { mode: 0o755 });
    },
    finds: [
      ['libexec/c-lightning/plugins/evil', 'nothing-extra'],
      ['libexec/c-lightning/plugins/evil/evil.py', 'nothing-extra'],
    ],
  },
  {
    name: 'a symbolic link more, to a file outside',
    harm: ({ at }) => symlinkSync('/etc/passwd', at('bin/passwd')),
    finds: [['bin/passwd', 'nothing-extra']],
  },
  {
    name: 'a symbolic link more, to the snapshot itself',
    harm: ({ at }) => symlinkSync('..', at('bin/loop')),
    finds: [['bin/loop', 'nothing-extra']],
  },
  {
    name: 'a name that is no UTF-8',
    harm: ({ at }) =>
      writeFileSync(Buffer.concat([Buffer.from(`${at('bin')}/`), Buffer.from([0x61, 0xff])]), ''),
    finds: [['bin/a\\xff', 'nothing-extra']],
  },
  {
    name: 'a __pycache__ that is no directory',
    harm: ({ at }) => writeFileSync(at('bin/__pycache__'), ''),
    finds: [['bin/__pycache__', 'nothing-extra']],
  },
  { name: 'a file gone', harm: ({ at }) => rmSync(at(OPENINGD)), finds: [[OPENINGD, 'files']] },
  {
    name: 'a directory gone',
    harm: ({ at }) => rmSync(at('bin'), { recursive: true }),
    finds: [
      ['bin/lightning-cli', 'files'],
      ['bin/lightningd', 'files'],
    ],
  },
  {
    name: 'the manifest gone',
    harm: ({ at }) => rmSync(at('manifest.json')),
    finds: [['manifest.json', 'manifest']],
  },
  {
    name: 'a digest edited in the manifest',
    harm: ({ at, manifest }) =>
      editManifest(at, text => text.replace(manifest.files[0]!.sha256, '0'.repeat(64))),
    finds: [['manifest.json', 'manifest']],
  },
  {
    name: 'a digest edited in the manifest, and the root made to agree',
    harm: place => reroot(place, files => [{ ...files[0]!, sha256: '0'.repeat(64) }, ...files.slice(1)]),
    finds: [
      ['.', 'root'],
      ['bin/lightning-cli', 'digests'],
      ['SHA256SUMS', 'sha256sums'],
    ],
  },
  {
    name: 'a file replaced together with its entry, its line and the root',
    harm: place => {
      writeFileSync(place.at(OPENINGD), 'evil opener..!');
      const evil = entryOf({ path: OPENINGD, content: 'evil opener..!' });
      reroot(place, files => files.map(file => (file.path === OPENINGD ? evil : file)));
      const sums = readFileSync(place.at('SHA256SUMS'), 'utf8');
      const old = place.manifest.files.find(({ path }) => path === OPENINGD)!.sha256;
      writeFileSync(place.at('SHA256SUMS'), sums.replace(old, evil.sha256));
    },
    finds: [['.', 'root']],
  },
  {
    name: 'an entry taken out of the manifest, and the root made to agree',
    harm: place => reroot(place, files => files.slice(1)),
    finds: [
      ['.', 'root'],
      ['bin/lightning-cli', 'nothing-extra'],
      ['SHA256SUMS', 'sha256sums'],
    ],
  },
  {
    name: 'another root written into the manifest',
    harm: ({ at, manifest }) => editManifest(at, text => text.replace(manifest.root, 'f'.repeat(64))),
    finds: [['manifest.json', 'manifest']],
  },
  {
    name: 'the directory renamed to another root',
    harm: ({ path }) => {
      const renamed = join(dirname(path), '0123456789abcdef');
      renameSync(path, renamed);
      return renamed;
    },
    finds: [['.', 'root']],
  },
  {
    name: 'a manifest that is too large to be read',
    harm: ({ at }) => truncateSync(at('manifest.json'), MAX_MANIFEST_BYTES + 1),
    finds: [['manifest.json', 'manifest']],
  },
  {
    name: 'a manifest that is no JSON',
    harm: ({ at }) => writeFileSync(at('manifest.json'), 'not json'),
    finds: [['manifest.json', 'manifest']],
  },
  {
    name: 'a manifest cut short',
    harm: ({ at }) => truncateSync(at('manifest.json'), 200),
    finds: [['manifest.json', 'manifest']],
  },
  {
    name: 'an empty manifest',
    harm: ({ at }) => truncateSync(at('manifest.json'), 0),
    finds: [['manifest.json', 'manifest']],
  },
  {
    name: 'a manifest with a path twice',
    harm: ({ at, manifest }) => writeRaw(at, { ...manifest, files: [manifest.files[0]!, ...manifest.files] }),
    finds: [['manifest.json', 'manifest']],
  },
  {
    name: 'a manifest with a path that leads out',
    harm: ({ at, manifest }) =>
      writeRaw(at, {
        ...manifest,
        files: [{ ...manifest.files[0]!, path: '../../../etc/passwd' }, ...manifest.files],
      }),
    finds: [['manifest.json', 'manifest']],
  },
  {
    name: 'a manifest that is a symbolic link',
    harm: ({ at, path }) => {
      renameSync(at('manifest.json'), join(dirname(path), 'elsewhere'));
      symlinkSync('../elsewhere', at('manifest.json'));
    },
    finds: [['manifest.json', 'manifest']],
  },
  {
    name: 'a manifest that is a FIFO',
    harm: ({ at }) => {
      rmSync(at('manifest.json'));
      execFileSync('mkfifo', ['-m', '644', at('manifest.json')]);
    },
    finds: [['manifest.json', 'manifest']],
  },
  {
    name: 'SHA256SUMS gone',
    harm: ({ at }) => rmSync(at('SHA256SUMS')),
    finds: [['SHA256SUMS', 'sha256sums']],
  },
  {
    name: 'a digest altered in SHA256SUMS',
    harm: ({ at, manifest }) => {
      const text = readFileSync(at('SHA256SUMS'), 'utf8');
      writeFileSync(at('SHA256SUMS'), text.replace(manifest.files[2]!.sha256, '0'.repeat(64)));
    },
    finds: [['SHA256SUMS', 'sha256sums']],
  },
  {
    name: 'a line more in SHA256SUMS',
    harm: ({ at }) => appendFileSync(at('SHA256SUMS'), `${'0'.repeat(64)}  bin/more\n`),
    finds: [['SHA256SUMS', 'sha256sums']],
  },
  {
    name: 'the lines of SHA256SUMS in another order',
    harm: ({ at }) => {
      const lines = readFileSync(at('SHA256SUMS'), 'utf8').trimEnd().split('\n').reverse();
      writeFileSync(at('SHA256SUMS'), `${lines.join('\n')}\n`);
    },
    finds: [['SHA256SUMS', 'sha256sums']],
  },
  {
    name: 'SHA256SUMS that is none',
    harm: ({ at }) => writeFileSync(at('SHA256SUMS'), 'hello\n'),
    finds: [['SHA256SUMS', 'sha256sums']],
  },
  {
    name: 'a damaged manifest and a damaged file: the one does not hide the other',
    harm: ({ at }) => {
      writeFileSync(at('manifest.json'), '{}');
      writeFileSync(at(OPENINGD), 'evil opener..!');
      writeFileSync(at('bin/more'), '');
    },
    finds: [
      ['manifest.json', 'manifest'],
      [OPENINGD, 'digests'],
      ['bin/more', 'nothing-extra'],
    ],
  },
  {
    name: 'everything at once: each is named',
    harm: ({ at }) => {
      truncateSync(at('bin/lightningd'), 1);
      writeFileSync(at('bin/lightning-cli'), 'the cl1ent');
      rmSync(at(HSMD));
      chmodSync(at(OPENINGD), 0o4777);
      rmSync(at(ROUTES));
      symlinkSync('/dev/zero', at(ROUTES));
      writeFileSync(at('bin/more'), '');
    },
    finds: [
      [HSMD, 'files'],
      ['bin/lightningd', 'files'],
      [ROUTES, 'files'],
      ['bin/lightning-cli', 'digests'],
      ['bin/more', 'nothing-extra'],
      [OPENINGD, 'permissions'],
    ],
  },
];

function editManifest(at: Place['at'], edit: (text: string) => string): void {
  writeFileSync(at('manifest.json'), edit(readFileSync(at('manifest.json'), 'utf8')));
}

/** Writes a manifest that is valid by itself, with other entries. */
function reroot({ at, manifest }: Place, edit: (files: Manifest['files']) => Manifest['files']): void {
  writeFileSync(
    at('manifest.json'),
    formatManifest(makeManifest(manifest.version, edit(manifest.files), sha256)),
  );
}

/** Writes a manifest that makeManifest would refuse. */
function writeRaw(at: Place['at'], manifest: Manifest): void {
  writeFileSync(at('manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

function makePlace(): Place {
  const { path, manifest } = writeSnapshot(join(tempDir(), 'subdaemons'));
  return { path, manifest, at: entry => join(path, entry) };
}

/** All that lstat tells of everything below a path, whatever its names are made of. */
function listing(path: string): string {
  return execFileSync('find', [path, '-printf', '%p %y %m %U %s %i %T@ %C@\\n'], { encoding: 'latin1' });
}

/** Path and check of each finding, without repetition. */
function pairs(findings: readonly { path: string; check: string }[]): string[] {
  return [...new Set(findings.map(({ path, check }) => `${check}: ${path}`))].sort();
}

describe('a snapshot that was harmed', () => {
  it.for(HARMS)('is found out: $name', async ({ harm, finds, needsRoot }, { skip }) => {
    if (needsRoot === true && !isRoot) skip('only root can give files away');
    const place = makePlace();
    const moved = harm(place);
    const path = typeof moved === 'string' ? moved : place.path;
    const before = listing(path);
    const { report } = await verifySnapshot(path);
    expect(report.verdict).toBe('finding');
    expect(pairs(report.findings)).toEqual(pairs(finds.map(([p, check]) => ({ path: p, check }))));
    for (const { reason, expected, found } of report.findings) {
      expect([reason, expected, found]).not.toContain('');
      expect(expected).not.toBe(found);
    }
    for (const { name, result } of report.checks) {
      expect([name, result === 'finding']).toEqual([name, finds.some(([, check]) => check === name)]);
    }
    expect(listing(path)).toEqual(before);
  });

  it('is found out by the root that was expected', async () => {
    const { path, manifest } = makePlace();
    expect((await verifySnapshot(path, { expectRoot: manifest.root })).report.verdict).toBe('ok');
    const { report } = await verifySnapshot(path, { expectRoot: 'f'.repeat(64) });
    expect(report.findings).toEqual([
      {
        path: '.',
        check: 'root',
        expected: 'f'.repeat(64),
        found: manifest.root,
        reason: 'the root is not the one expected',
      },
    ]);
  });

  it('with a socket in the place of a file is found out', async () => {
    const { path, at } = makePlace();
    rmSync(at(OPENINGD));
    const server = createServer();
    await new Promise<void>(resolve => server.listen(at(OPENINGD), resolve));
    try {
      const { report } = await verifySnapshot(path);
      expect(report.findings).toContainEqual(
        expect.objectContaining({ path: OPENINGD, check: 'files', found: 'socket' }),
      );
    } finally {
      server.close();
    }
  });
});

describe('a snapshot that is well', () => {
  it('is ok in every check, and its files and bytes are counted', async () => {
    const { path, manifest } = makePlace();
    const { report } = await verifySnapshot(path);
    expect(report).toMatchObject({
      path,
      verdict: 'ok',
      root: manifest.root,
      version: 'v25.12',
      files: SOME_FILES.length,
      bytes: manifest.files.reduce((sum, { size }) => sum + size, 0),
      findings: [],
      unknowns: [],
      notes: [],
    });
    expect(report.checks.map(({ result }) => result)).toEqual(report.checks.map(() => 'ok'));
  });

  it('is reached through a symbolic link', async () => {
    const { path } = makePlace();
    symlinkSync(path, join(dirname(path), 'current'));
    expect((await verifySnapshot(join(dirname(path), 'current'))).report).toMatchObject({
      path,
      verdict: 'ok',
    });
  });

  it('may be called its root with .1 behind it', async () => {
    const { path } = makePlace();
    renameSync(path, `${path}.1`);
    expect((await verifySnapshot(`${path}.1`)).report.verdict).toBe('ok');
  });

  it('is well as a copy that lies elsewhere and is called anything', async () => {
    const { path } = makePlace();
    const copy = join(tempDir(), 'backup of my node');
    cpSync(path, copy, { recursive: true });
    expect((await verifySnapshot(copy)).report).toMatchObject({ path: copy, verdict: 'ok' });
  });

  it('has hard links with modes of their own', async () => {
    const { path, at } = makePlace();
    const source = join(dirname(path), 'source');
    copyFileSync(at(OPENINGD), source);
    chmodSync(source, 0o511);
    rmSync(at(OPENINGD));
    linkSync(source, at(OPENINGD));
    expect((await verifySnapshot(path)).report.verdict).toBe('ok');
  });

  it("mentions Python's cache, and that is no finding whatever its mode", async () => {
    const { path, at } = makePlace();
    const cache = 'libexec/c-lightning/plugins/clnrest/__pycache__';
    mkdirSync(at(cache));
    chmodSync(at(cache), 0o775);
    writeFileSync(at(`${cache}/clnrest.cpython-312.pyc`), '');
    const { report } = await verifySnapshot(path);
    expect(report).toMatchObject({ verdict: 'ok', findings: [] });
    expect(report.notes.map(note => note.path)).toEqual([cache]);
  });

  it("may belong to the store's owner, and its hard links to root", async ({ skip }) => {
    if (!isRoot) skip('only root can give files away');
    const { path, at } = makePlace();
    for (const owned of [dirname(path), path, at('bin'), at('bin/lightningd'), at('manifest.json')])
      chownSync(owned, 54321, 54321);
    expect((await verifySnapshot(path)).report.verdict).toBe('ok');
  });
});

describe('what cannot be determined', () => {
  it('is named, and hides nothing: an unreadable file, a closed directory', async ({ skip }) => {
    if (!isRoot) skip('only root can become another user');
    const { path, at } = makePlace();
    chmodSync(at(HSMD), 0o711);
    chmodSync(at('bin'), 0o700);
    writeFileSync(at(OPENINGD), 'evil opener..!');
    const { report } = await asUser(54321, () => verifySnapshot(path));
    expect(report.verdict).toBe('finding');
    expect(pairs(report.findings)).toEqual([`digests: ${OPENINGD}`]);
    expect(pairs(report.unknowns)).toEqual(
      [`digests: ${HSMD}`, 'files: bin/lightning-cli', 'files: bin/lightningd', 'nothing-extra: bin'].sort(),
    );
    expect(report.unknowns.map(({ reason }) => reason).join()).toContain('permission denied');
  });

  it('is a file whose mode keeps even its owner out', async ({ skip }) => {
    if (!isRoot) skip('only root can become another user');
    const { path, at } = makePlace();
    chownSync(at(OPENINGD), 54321, 54321);
    chownSync(path, 54321, 54321);
    chownSync(dirname(path), 54321, 54321);
    chmodSync(at(OPENINGD), 0);
    const { report } = await asUser(54321, () => verifySnapshot(path));
    expect(report).toMatchObject({ verdict: 'unknown', findings: [], unknowns: [{ path: OPENINGD }] });
    expect(report.unknowns[0]?.reason).toMatch(/permission denied .*; its mode is 0000$/);
  });

  it('makes the verdict unknown where nothing else is wrong', async ({ skip }) => {
    if (!isRoot) skip('only root can become another user');
    const { path, at } = makePlace();
    chmodSync(at('manifest.json'), 0o600);
    const { report } = await asUser(54321, () => verifySnapshot(path));
    expect(report).toMatchObject({ verdict: 'unknown', root: null, findings: [] });
    expect(pairs(report.unknowns)).toEqual(['manifest: manifest.json']);
    expect(report.checks.filter(({ result }) => result === 'skipped').map(({ name }) => name)).toEqual([
      'root',
      'sha256sums',
    ]);
  });

  it('is an error where there is no snapshot at all', async () => {
    const dir = tempDir();
    writeFileSync(join(dir, 'file'), '');
    for (const path of [dir, join(dir, 'missing'), join(dir, 'file'), join(dir, 'file/below')]) {
      await expect(verifySnapshot(path)).rejects.toMatchObject({ code: 'NO_SNAPSHOT', path });
    }
  });
});

describe('ten thousand files', () => {
  it('are hashed in batches, once each, and progress goes up to their bytes', async () => {
    const files = Array.from({ length: 10_000 }, (_, i) => ({
      path: `libexec/c-lightning/plugins/d${i % 100}/f${i}`,
      content: `file ${i}`,
      executable: false,
    }));
    const { path } = writeSnapshot(join(roomyDir(), 'subdaemons'), files);
    const seen: bigint[] = [];
    let total = 0n;
    const { report } = await verifySnapshot(path, {
      onProgress: progress => {
        seen.push(progress.done);
        total = progress.total;
      },
    });
    expect(report).toMatchObject({ verdict: 'ok', files: 10_000 });
    expect(total).toBe(BigInt(report.bytes));
    expect(seen.at(-1)).toBe(total);
    expect(seen).toEqual([...seen].sort((a, b) => Number(a - b)));
    expect(seen.length).toBe(10_000); // one piece for each small file: none is read twice
  });
});
