/** `holdfast verify` and `holdfast prove`, from outside: exit status, text, and JSON against its schema. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  type CallOptions,
  fingerprint,
  HOLDFAST,
  holdfast,
  ORDINARY_USER,
  snapshotJson,
} from '../helpers/holdfast.ts';
import { readJson } from '../helpers/schema.ts';
import { writeSnapshot } from '../helpers/snapshots.ts';
import { makeCInstallation, noCompiler, startNode, tempDir, upgrade } from '../helpers/stand-in.ts';

const isRoot = process.geteuid?.() === 0;
const OPENINGD = 'libexec/c-lightning/lightning_openingd';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

/** A snapshot of the stand-in, taken by holdfast, by copy: harm to it harms no installation. */
function makeWorld() {
  const dir = tempDir();
  const lightningDir = join(dir, 'lightning');
  const installed = makeCInstallation(dir, 'v25.12', { pythonPlugin: false });
  const taken = snapshotJson(['--method=copy', installed.lightningd, `--lightning-dir=${lightningDir}`]);
  const path: string = taken.path;
  return { dir, lightningDir, installed, path, root: taken.root as string, files: taken.files as number };
}

function verifyJson(words: readonly string[], options: CallOptions = {}) {
  const called = holdfast(['verify', '--json', ...words], options);
  return { ...called, json: readJson('verify', called.stdout) };
}

describe('verify of what a launch has made', () => {
  it('is silent on stderr, exits 0, names snapshot, version and root, and writes nothing', () => {
    const { lightningDir, path, root, files } = makeWorld();
    const before = fingerprint(lightningDir);
    const { status, stdout, stderr } = holdfast(['verify', `--lightning-dir=${lightningDir}`]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(
      new RegExp(`^'${path}': ok \\(v25\\.12, ${files} files, .*\\)\\n  root ${root}\\n$`),
    );
    const { status: again, json } = verifyJson([`--lightning-dir=${lightningDir}`]);
    expect(again).toBe(0);
    expect(json).toMatchObject({
      verdict: 'ok',
      snapshots: [{ path, root, files, verdict: 'ok', findings: [] }],
    });
    expect(fingerprint(lightningDir)).toEqual(before);
  });

  it.each(['hardlink', 'copy'])('agrees whichever way the files were placed: %s', method => {
    const dir = tempDir();
    const installed = makeCInstallation(dir, 'v25.12');
    const words = [installed.lightningd, `--lightning-dir=${dir}/lightning`];
    snapshotJson([`--method=${method}`, ...words]);
    expect(verifyJson([`--lightning-dir=${dir}/lightning`]).json.verdict).toBe('ok');
  });

  it('takes SNAPSHOT as a path, a link to it, a name in the store, or a copy elsewhere', () => {
    const { dir, lightningDir, path } = makeWorld();
    const copy = join(dir, 'a copy');
    cpSync(path, copy, { recursive: true });
    const store = dirname(path);
    for (const words of [
      [path],
      [join(store, 'current')],
      ['current', `--lightning-dir=${lightningDir}`],
      [basename(path), `--snapshot-dir=${store}`],
    ]) {
      expect(verifyJson(words).json).toMatchObject({ verdict: 'ok', snapshots: [{ path }] });
    }
    expect(verifyJson([copy]).json).toMatchObject({ verdict: 'ok', snapshots: [{ path: copy }] });
    expect(holdfast(['verify', 'a copy'], { cwd: dir }).status).toBe(0);
  });

  it('holds it against --expect-root', () => {
    const { path, root } = makeWorld();
    expect(holdfast(['verify', `--expect-root=${root}`, path]).status).toBe(0);
    const other = holdfast(['verify', `--expect-root=${'0'.repeat(64)}`, path]);
    expect(other.status).toBe(1);
    expect(other.stdout).toContain(`expected ${'0'.repeat(64)}`);
    expect(other.stdout).toContain(`found    ${root}`);
  });

  it('exits 1 and names every damaged file with what was expected and found', () => {
    const { lightningDir, path } = makeWorld();
    const bytes = readFileSync(join(path, OPENINGD));
    bytes[100] = bytes[100]! ^ 1;
    writeFileSync(join(path, OPENINGD), bytes);
    rmSync(join(path, 'bin/lightning-cli'));
    chmodSync(join(path, 'bin/reckless'), 0o700);
    rmSync(join(path, 'bin/lightning-hsmtool'));
    execFileSync('mkfifo', ['-m', '755', join(path, 'bin/lightning-hsmtool')]);
    const { status, stdout } = holdfast(['verify', `--lightning-dir=${lightningDir}`]);
    expect(status).toBe(1);
    expect(stdout).toContain(`'${path}': 4 findings (`);
    expect(stdout).toMatch(
      new RegExp(
        `'${OPENINGD}': its content is not what was taken \\(digests\\)\\n    expected \\w{64}\\n    found    \\w{64}\\n`,
      ),
    );
    expect(stdout).toContain("'bin/lightning-cli': it is missing (files)");
    expect(stdout).toContain('expected regular file\n    found    FIFO\n');
    // a copy of ours has a mode of ours, where a hard link has its source's
    expect(stdout).toContain(
      "'bin/reckless': its mode was changed (files)\n    expected 0755\n    found    0700",
    );
    expect(verifyJson([`--lightning-dir=${lightningDir}`])).toMatchObject({
      status: 1,
      json: { verdict: 'finding' },
    });
  });

  it('finds what an in-place upgrade wrote through the hard links', () => {
    const dir = tempDir();
    const installed = makeCInstallation(dir, 'v25.12');
    const next = makeCInstallation(join(dir, 'next'), 'v26.03');
    const lightningDir = join(dir, 'lightning');
    snapshotJson(['--method=hardlink', installed.lightningd, `--lightning-dir=${lightningDir}`]);
    upgrade('in-place', next.prefix, installed.prefix, [OPENINGD]);
    const { status, json } = verifyJson([`--lightning-dir=${lightningDir}`]);
    expect(status).toBe(1);
    expect(json.snapshots[0].findings).toMatchObject([{ path: OPENINGD, check: 'digests' }]);
  });

  it('draws nothing on the terminal of an operator: control bytes of a name are escaped', () => {
    const { path } = makeWorld();
    writeFileSync(join(path, 'bin/\u001b[2Jgone\n'), '');
    const { status, stdout } = holdfast(['verify', path]);
    expect(status).toBe(1);
    expect(stdout).toContain("'bin/\\u001b[2Jgone\\n': it is in no manifest");
  });
});

describe('which snapshots verify looks at', () => {
  it('looks at current and at every live one, and not at one that nothing uses', async () => {
    const { dir, lightningDir, installed, path } = makeWorld();
    const node = await startNode(installed, lightningDir, {
      command: [HOLDFAST, 'run', '--method=copy', installed.lightningd],
    });
    const next = makeCInstallation(join(dir, 'next'), 'v26.03');
    upgrade('rename', next.prefix, installed.prefix);
    const { path: current } = snapshotJson([
      '--settle=30',
      installed.lightningd,
      `--lightning-dir=${lightningDir}`,
    ]);
    writeSnapshot(dirname(path)); // nobody uses this one
    expect(readdirSync(dirname(path))).toHaveLength(6);
    const { json } = verifyJson([`--lightning-dir=${lightningDir}`]);
    expect(json.verdict).toBe('ok');
    expect(json.snapshots.map((report: { path: string }) => report.path)).toEqual([current, path]);
    node.cli('stop');
  });

  it('follows current to a store elsewhere', () => {
    const { dir, lightningDir, path } = makeWorld();
    const elsewhere = join(dir, 'elsewhere');
    renameSync(dirname(path), elsewhere);
    mkdirSync(join(lightningDir, 'subdaemons'));
    symlinkSync(join(elsewhere, basename(path)), join(lightningDir, 'subdaemons/current'));
    const { status, json } = verifyJson([`--lightning-dir=${lightningDir}`]);
    expect(status).toBe(0);
    expect(json.snapshots).toMatchObject([{ path: join(elsewhere, basename(path)), verdict: 'ok' }]);
  });

  it('exits 2 where current leads nowhere, and where there is no store or no snapshot', () => {
    const { dir, lightningDir, path } = makeWorld();
    rmSync(path, { recursive: true });
    const dangling = verifyJson([`--lightning-dir=${lightningDir}`]);
    expect(dangling).toMatchObject({ status: 2, json: { verdict: 'unknown', unknowns: [{ path }] } });
    const missing = verifyJson([`--lightning-dir=${dir}/nothing`]);
    expect(missing).toMatchObject({ status: 2, json: { error: { code: 'NO_SNAPSHOT' } } });
    const named = holdfast(['verify', path]);
    expect(named).toMatchObject({
      status: 2,
      stdout: '',
      stderr: `holdfast: there is no snapshot at '${path}'\nholdfast: hint: holdfast status lists the snapshots of a store\n`,
    });
    expect(holdfast(['verify', dir]).status).toBe(2);
  });

  it('looks a snapshot that is given by its name up in the store, and says in which it is not', () => {
    const { lightningDir, path } = makeWorld();
    const node = `--lightning-dir=${lightningDir}`;
    expect(holdfast(['verify', node, basename(path)]).status).toBe(0);
    for (const command of [['verify'], ['export', 'x.tar.gz']]) {
      const words = [command[0] ?? '', node, 'f'.repeat(16), ...command.slice(1)];
      expect(holdfast(words, { cwd: lightningDir })).toMatchObject({
        status: 2,
        stderr: expect.stringContaining(`no snapshot '${'f'.repeat(16)}' in '${lightningDir}/subdaemons'\n`),
      });
    }
  });

  it('exits 2 for a file that it may not read, names it, and goes on', ctx => {
    if (!isRoot) ctx.skip('only root can become another user');
    const { path } = makeWorld();
    chmodSync(dirname(dirname(path)), 0o755);
    chmodSync(join(path, OPENINGD), 0o711);
    const { status, stdout, json } = verifyJson([path], { user: ORDINARY_USER });
    expect(status).toBe(2);
    expect(json.snapshots[0]).toMatchObject({ verdict: 'unknown' });
    expect(json.snapshots[0].unknowns).toMatchObject([{ path: OPENINGD, check: 'digests' }]);
    expect(stdout).toContain('permission denied');
    writeFileSync(join(path, 'bin/reckless'), '#!/bin/sh\n');
    const both = holdfast(['verify', path], { user: ORDINARY_USER });
    expect(both.status).toBe(1); // the finding is certain
    expect(both.stdout).toContain('1 finding, 1 unknown');
  });

  it('works for another user who may only read, and for the owner among hard links of root', ctx => {
    if (!isRoot) ctx.skip('only root can become another user');
    const { lightningDir } = makeWorld();
    chmodSync(lightningDir, 0o755);
    expect(verifyJson([`--lightning-dir=${lightningDir}`], { user: ORDINARY_USER })).toMatchObject({
      status: 0,
      json: { verdict: 'ok' },
    });
    const { path } = makeWorld();
    for (const owned of [dirname(path), path, join(path, 'bin')])
      chownSync(owned, ORDINARY_USER, ORDINARY_USER);
    expect(holdfast(['verify', path]).status).toBe(0);
    chownSync(join(path, OPENINGD), 54321, 54321);
    expect(holdfast(['verify', path])).toMatchObject({
      status: 1,
      stdout: expect.stringContaining(`expected user 0 or ${ORDINARY_USER}\n    found    user 54321\n`),
    });
  });
});

describe('verify --running', () => {
  it('finds each image of a node in the manifest, also after all files were replaced or deleted', async () => {
    const { dir, lightningDir, installed, path } = makeWorld();
    const node = await startNode(installed, lightningDir, {
      command: [HOLDFAST, 'run', installed.lightningd],
    });
    const words = ['--running', `--lightning-dir=${lightningDir}`];
    const { status, json, stderr } = verifyJson(words);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [running] = json.running.nodes;
    expect(running).toMatchObject({ pid: node.pid, lightningDir, network: 'bitcoin', snapshot: path });
    const origins = running.processes.map((process: { origin: string }) => process.origin);
    expect(new Set(origins)).toEqual(new Set(['manifest']));
    expect(running.processes.length).toBeGreaterThan(5);
    expect(running.processes[0]).toMatchObject({
      pid: node.pid,
      program: join(path, 'bin/lightningd'),
      entry: { snapshot: path, path: 'bin/lightningd', root: json.snapshots[0].root },
    });
    const text = holdfast(['verify', ...words]);
    expect(text.stdout).toMatch(
      /lightningd \d+ \(bitcoin\) from '.*': \d+ processes: \d+ in the manifest\n$/,
    );

    // the file on disk is another by now; the image is not
    const copy = join(dir, 'copy');
    copyFileSync(join(path, OPENINGD), copy);
    renameSync(copy, join(path, 'bin/lightningd'));
    const replaced = verifyJson(words);
    expect(replaced.status).toBe(1);
    expect(replaced.json.snapshots[0].findings).toMatchObject([{ path: 'bin/lightningd' }]);
    expect(replaced.json.running.verdict).toBe('ok');
    node.cli('stop');
  });

  it("tells the operator's plugins from what is in no manifest", async () => {
    const { dir, lightningDir, installed } = makeWorld();
    const plugin = (name: string) => {
      ensureDirSync(dirname(join(dir, name)));
      copyFileSync('/bin/cat', join(dir, name));
      chmodSync(join(dir, name), 0o755);
      return join(dir, name);
    };
    const named = plugin('own/named');
    const inDirectory = plugin('dir/in-directory');
    const script = join(dir, 'own/script.sh');
    writeFileSync(script, '#!/bin/sh\nread line\n', { mode: 0o755 });
    const byDefault = plugin('lightning/plugins/below/by-default');
    const args = [
      `--plugin=${named}`,
      `--plugin-dir=${dirname(inDirectory)}`,
      `--important-plugin=${script}`,
    ];
    const node = await startNode(installed, lightningDir, {
      command: [HOLDFAST, 'run', installed.lightningd],
      args,
    });
    const words = ['--running', `--lightning-dir=${lightningDir}`];
    const { status, json } = verifyJson(words);
    const originOf = (path: string, from = json) =>
      from.running.nodes[0].processes.find((process: { program: string }) => process.program === path);
    expect(originOf(named)).toMatchObject({ origin: 'operator', reason: 'named by plugin=' });
    expect(originOf(inDirectory)).toMatchObject({ origin: 'operator', reason: 'named by plugin-dir=' });
    expect(originOf(script)).toMatchObject({ origin: 'operator', reason: 'named by plugin=' });
    if (originOf(byDefault) !== undefined) expect(originOf(byDefault)).toMatchObject({ origin: 'operator' });
    expect(status).toBe(0);
    node.cli('stop');
    await node.ended;
  });

  it('calls foreign what runs and is in no manifest', async () => {
    const { lightningDir, installed, path } = makeWorld();
    const node = await startNode(installed, lightningDir, {
      command: [HOLDFAST, 'run', installed.lightningd],
    });
    // one of its subdaemons is in the manifest no more: as if something else had been started in its place
    const other = makeCInstallation(join(lightningDir, 'other'), 'v26.03');
    writeSnapshot(join(lightningDir, 'another-store'), [
      { path: 'bin/lightningd', content: readFileSync(join(path, 'bin/lightningd')) },
      { path: OPENINGD, content: readFileSync(join(other.prefix, OPENINGD)) },
    ]);
    const [id = ''] = readdirSync(join(lightningDir, 'another-store')).filter(name => name !== '.lock');
    const { status, json } = verifyJson([
      '--running',
      `--lightning-dir=${lightningDir}`,
      join(lightningDir, 'another-store', id),
    ]);
    expect(status).toBe(1);
    expect(json.running.verdict).toBe('finding');
    const [first, ...others] = json.running.nodes[0].processes;
    expect(first).toMatchObject({ origin: 'manifest' });
    expect(others[0]).toMatchObject({
      origin: 'foreign',
      entry: null,
      sha256: expect.any(String),
      reason: 'it is in no manifest',
    });
    const { stdout } = holdfast([
      'verify',
      '--running',
      `--lightning-dir=${lightningDir}`,
      join(lightningDir, 'another-store', id),
    ]);
    expect(stdout).toMatch(/\d+ '.*': foreign: it is in no manifest\n/);
    node.cli('stop');
  });

  it("is unknown, never fine, for another user's node", async ctx => {
    if (!isRoot) ctx.skip('only root can become another user');
    const { lightningDir, installed } = makeWorld();
    const node = await startNode(installed, lightningDir, {
      command: [HOLDFAST, 'run', installed.lightningd],
    });
    chmodSync(lightningDir, 0o755);
    const { status, json } = verifyJson(['--running', `--lightning-dir=${lightningDir}`], {
      user: ORDINARY_USER,
    });
    expect(status).toBe(2);
    expect(json.running.verdict).toBe('unknown');
    const origins = json.running.nodes.flatMap((running: { processes: { origin: string }[] }) =>
      running.processes.map(({ origin }) => origin),
    );
    expect(origins.filter((origin: string) => origin !== 'unknown')).toEqual([]);
    expect(origins.length + json.running.unknowns.length).toBeGreaterThan(0);
    node.cli('stop');
  });

  it('says so where no node runs', () => {
    const { lightningDir } = makeWorld();
    const { status, stdout } = holdfast(['verify', '--running', `--lightning-dir=${lightningDir}`]);
    expect(status).toBe(0);
    expect(stdout).toContain('no node is running\n');
  });
});

it.each(['root', 'verify', 'export', 'prove'])(
  '%s does not wait for a FIFO in place of manifest.json',
  command => {
    const { dir, path } = makeWorld();
    rmSync(join(path, 'manifest.json'));
    spawnSync('mkfifo', [join(path, 'manifest.json')]);
    const operands = {
      root: [path],
      verify: [path],
      export: [path, join(dir, 'x.tar.gz')],
      prove: [join(path, OPENINGD)],
    }[command];
    const { status, stderr, stdout } = holdfast([command, ...(operands ?? [])], { timeout: 20_000 });
    expect(status).toBe(command === 'root' || command === 'prove' ? 2 : 1);
    expect(stderr + stdout).toContain(command === 'prove' ? 'lies in no snapshot' : 'manifest.json');
  },
);

describe('prove, and verify --proof', () => {
  it('give the same proof as text and with --json, and it holds without the snapshot', () => {
    const { dir, path, root } = makeWorld();
    const file = join(dirname(path), 'current', OPENINGD);
    const text = holdfast(['prove', file]);
    expect(text).toMatchObject({ status: 0, stderr: '' });
    const json = holdfast(['prove', '--json', file]);
    expect(readJson('prove', json.stdout)).toEqual(JSON.parse(text.stdout));
    expect(JSON.parse(text.stdout)).toMatchObject({ root, file: { path: OPENINGD, mode: '100755' } });

    const proof = join(dir, 'proof.json');
    writeFileSync(proof, text.stdout);
    const copy = join(dir, 'openingd');
    copyFileSync(join(path, OPENINGD), copy);
    rmSync(path, { recursive: true });
    const words = [`--proof=${proof}`, `--expect-root=${root}`, copy];
    expect(verifyJson(words)).toMatchObject({
      status: 0,
      json: { verdict: 'ok', proof: { file: copy, path: OPENINGD, root, findings: [] } },
    });
    expect(holdfast(['verify', ...words]).stdout).toMatch(/openingd': ok \(the proof is about 'libexec/);
  });

  it('finds every way in which file, proof and root can disagree', () => {
    const { dir, path, root } = makeWorld();
    const proof = JSON.parse(holdfast(['prove', '--json', join(path, OPENINGD)]).stdout);
    const copy = join(dir, 'openingd');
    copyFileSync(join(path, OPENINGD), copy);
    const checks = (edited: unknown, file = copy, expected = root) => {
      writeFileSync(join(dir, 'proof.json'), JSON.stringify(edited));
      const words = [`--proof=${dir}/proof.json`, `--expect-root=${expected}`, file];
      const { status, json } = verifyJson(words);
      return [status, ...(json.proof?.findings.map(({ check }: { check: string }) => check) ?? [])];
    };
    expect(checks(proof)).toEqual([0]);
    expect(checks(proof, copy, '0'.repeat(64))).toEqual([1, 'root']);
    expect(checks({ ...proof, root: '0'.repeat(64) })).toEqual([1, 'root', 'inclusion']);
    expect(checks({ ...proof, path: ['0'.repeat(64), ...proof.path.slice(1)] })).toEqual([1, 'inclusion']);
    expect(checks({ ...proof, index: proof.index - 1 })).toEqual([1, 'inclusion']);
    expect(checks(proof, join(path, 'bin/reckless'))).toEqual([1, 'size', 'digest']);
    chmodSync(copy, 0o644);
    expect(checks(proof)).toEqual([1, 'mode']);
    chmodSync(copy, 0o755);
    const bytes = readFileSync(copy);
    bytes[7] = bytes[7]! ^ 1;
    writeFileSync(copy, bytes);
    expect(checks(proof)).toEqual([1, 'digest']);
    expect(checks({ hello: 'world' })).toEqual([2]);
    expect(checks(proof, join(dir, 'missing'))).toEqual([2]);
  });

  it('are not given for a file that is damaged, extra, no file, or in no snapshot', () => {
    const { dir, path } = makeWorld();
    const proveJson = (file: string) => {
      const { status, stdout } = holdfast(['prove', '--json', file]);
      return [status, readJson('prove', stdout).error?.code];
    };
    writeFileSync(join(path, OPENINGD), 'evil');
    expect(proveJson(join(path, OPENINGD))).toEqual([1, 'DIFFERS']);
    writeFileSync(join(path, 'bin/more'), '');
    expect(proveJson(join(path, 'bin/more'))).toEqual([1, 'DIFFERS']);
    expect(proveJson(join(path, 'manifest.json'))).toEqual([1, 'DIFFERS']);
    rmSync(join(path, 'bin/reckless'));
    symlinkSync('lightning-cli', join(path, 'bin/reckless'));
    expect(proveJson(join(path, 'bin/reckless'))).toEqual([1, 'DIFFERS']);
    expect(proveJson(join(path, 'bin/missing'))).toEqual([2, 'SYSTEM']);
    expect(holdfast(['prove', join(path, 'bin')]).stderr).toMatch(/bin' is a directory, and no file of its/);
    writeFileSync(join(dir, 'alone'), '');
    expect(proveJson(join(dir, 'alone'))).toEqual([2, 'NO_SNAPSHOT']);
    const text = holdfast(['prove', join(path, OPENINGD)]);
    expect(text).toMatchObject({ status: 1, stdout: '' });
    expect(text.stderr).toContain('is not what the manifest says: size is 4');
  });

  it("are given for a path below a node's current snapshot, where the node is named", () => {
    const { dir, path } = makeWorld();
    const plain = holdfast(['prove', join(path, OPENINGD)]).stdout;
    for (const named of [`--lightning-dir=${dirname(dirname(path))}`, `--snapshot-dir=${dirname(path)}`]) {
      expect(holdfast(['prove', named, OPENINGD], { cwd: dir })).toMatchObject({ status: 0, stdout: plain });
    }
    const none = holdfast(['prove', `--snapshot-dir=${join(dir, 'none')}`, '--json', OPENINGD]);
    expect([none.status, readJson('prove', none.stdout).error?.code]).toEqual([2, 'NO_SNAPSHOT']);
  });

  it('need a FILE and the root that is expected', () => {
    const { dir, path } = makeWorld();
    for (const words of [
      ['--proof=x', path],
      ['--proof=x', `--expect-root=${'0'.repeat(64)}`],
      ['--proof=x', `--expect-root=${'0'.repeat(64)}`, '--running', path],
      ['--expect-root=0123', path],
    ]) {
      const { status, json } = verifyJson(words, { cwd: dir });
      expect([status, json.error.code]).toEqual([2, 'USAGE']);
    }
  });

  it('can be checked by hand, with nothing but sha256sum', () => {
    const { path, root } = makeWorld();
    const {
      index,
      treeSize,
      path: hashes,
      file,
    } = JSON.parse(holdfast(['prove', join(path, 'bin/lightningd')]).stdout);
    const sha256 = (hex: string) =>
      spawnSync('sha256sum', { input: Buffer.from(hex, 'hex'), encoding: 'utf8' }).stdout.slice(0, 64);
    const entry = Buffer.from(`${file.mode} ${file.path}\0`).toString('hex') + file.sha256;
    let hash = sha256(`00${entry}`);
    let [node, last] = [index, treeSize - 1];
    for (const sibling of hashes) {
      if (node % 2 === 1 || node === last) {
        hash = sha256(`01${sibling}${hash}`);
        while (node % 2 === 0 && node !== 0) [node, last] = [node >> 1, last >> 1];
      } else {
        hash = sha256(`01${hash}${sibling}`);
      }
      [node, last] = [node >> 1, last >> 1];
    }
    expect([hash, last]).toEqual([root, 0]);
  });
});
