/** What is half-way is refused, and what is whole is taken, whatever else lies beside it: the gate from outside. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { beforeEach, describe, expect, test } from 'vitest';
import { SUBDAEMONS } from '../../fixtures/stand-in/layout.js';
import { holdfast, ORDINARY_USER, snapshotJson } from '../helpers/holdfast.ts';
import { ageDirectories, makeCInstallation, noCompiler, tempDir } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

/** An installation of 34 files, and the words that take a snapshot of it at one try. */
function made(version = 'v26.06') {
  const dir = tempDir();
  const installed = makeCInstallation(dir, version, { plugins: 20, pythonPlugin: false });
  const plugins = join(installed.libexec, 'plugins');
  const words = ['--settle=0', installed.lightningd, `--lightning-dir=${dir}/lightning`];
  const other = (of: string) => makeCInstallation(join(dir, of), of, { plugins: 20, pythonPlugin: false });
  const snapshot = () => {
    ageDirectories(installed.prefix);
    return holdfast(['snapshot', ...words]);
  };
  return { dir, installed, plugins, words, other, snapshot };
}

/** Replaces one C string among an image's constants by another that is not longer. */
function patch(path: string, from: string, to: string): void {
  const image = readFileSync(path);
  const at = image.indexOf(`\0${from}\0`);
  if (at === -1) throw new Error(`${path} holds no ${from}`);
  image.fill(0, at + 1, at + 1 + from.length);
  image.write(to, at + 1, 'latin1');
  writeFileSync(path, image);
}

/** Takes the other releases' names from an image's constants, as in a plugin that knows no deprecation. */
function blankBounds(path: string): void {
  for (const bound of ['v23.08', 'v24.02', 'v24.05', 'v24.08', 'v25.02', 'v25.05', 'v25.09'])
    patch(path, bound, 'x');
}

/** Replaces a file as rename does, whole, with mode 0755. */
function put(path: string, content: string | Buffer): void {
  writeFileSync(`${path}.put`, content, { mode: 0o755 });
  chmodSync(`${path}.put`, 0o755);
  renameSync(`${path}.put`, path);
}

describe('half-way: refused, by name', () => {
  test.each(Object.keys(SUBDAEMONS))('%s is missing', name => {
    const { installed, snapshot } = made();
    rmSync(join(installed.libexec, name));
    const called = snapshot();
    expect(called.status).toBe(1);
    expect(called.stderr).toContain(`'${join(installed.libexec, name)}' is missing`);
  });

  test('a subdaemon that only this lightningd names is missing; several are listed', () => {
    const { installed, snapshot } = made();
    patch(installed.lightningd, 'lightning_websocketd', 'lightning_futured');
    rmSync(join(installed.libexec, 'lightning_openingd'));
    mkdirSync(join(installed.libexec, 'lightning_futured'));
    const { status, stderr } = snapshot();
    expect(status).toBe(1);
    for (const name of ['lightning_futured', 'lightning_openingd'])
      expect(stderr).toContain(`/${name}' is missing`);
  });

  test.each([
    'bin/lightningd',
    'bin/lightning-cli',
    'libexec/c-lightning/lightning_hsmd',
    'libexec/c-lightning/plugins/pay',
  ])('%s is cut short', name => {
    const { installed, snapshot } = made();
    const size = readFileSync(join(installed.prefix, name)).length;
    truncateSync(join(installed.prefix, name), Math.floor(size / 4));
    const { status, stderr } = snapshot();
    expect(status, stderr).toBe(1);
    expect(stderr).toMatch(new RegExp(`${name}' is cut short: \\d+ bytes of at least \\d+`));
  });

  test('a subdaemon that does not run agrees with nothing, though its image holds the version', () => {
    const { installed, snapshot } = made();
    // a loader that is not there, as of a foreign image: execve(2) says ENOENT
    const path = join(installed.libexec, 'lightning_openingd');
    const image = readFileSync(path);
    const at = image.indexOf('/lib');
    image.write('/bil', at, 'latin1');
    put(path, image);
    const { status, stderr } = snapshot();
    expect(status).toBe(1);
    expect(stderr).toMatch(/lightning_openingd\s+DIFFERS.*could not be executed: ENOENT/);
  });

  test.each([
    ['v26.06', 'v26.06.6'],
    ['v26.06.6', 'v26.06'],
    ['v25.12.1', 'v26.06.6'],
    ['v26.06-258-g090f4b0', 'v26.06'],
    ['v26.03', 'v25.12'],
  ])('lightningd %s with all plugins of %s', (version, of) => {
    const { plugins, other, snapshot } = made(version);
    cpSync(join(other(of).libexec, 'plugins'), plugins, { recursive: true });
    const { status, stderr } = snapshot();
    expect(status, stderr).toBe(1);
    expect(stderr).toMatch(/plugins\/pay\s+DIFFERS/);
  });

  test('a plugin of another release in a directory of its own', () => {
    const { plugins, other, snapshot } = made('v26.03');
    rmSync(join(plugins, 'pay'));
    mkdirSync(join(plugins, 'pay'));
    cpSync(join(other('v25.12').libexec, 'plugins/pay'), join(plugins, 'pay/pay'));
    const { status, stderr } = snapshot();
    expect(status).toBe(1);
    expect(stderr).toMatch(/plugins\/pay\/pay\s+DIFFERS/);
  });

  test('versions that are commits', () => {
    const { installed, other, snapshot } = made('bf4ba5e');
    expect(snapshot().status).toBe(0);
    put(
      join(installed.libexec, 'lightning_hsmd'),
      readFileSync(join(other('af4ba5f').libexec, 'lightning_hsmd')),
    );
    const { status, stderr } = snapshot();
    expect(status).toBe(1);
    expect(stderr).toMatch(/lightning_hsmd\s+DIFFERS\s+af4ba5f \(it answered\)/);
  });

  test('one that stopped is told apart from one under way, and left-overs from both', () => {
    const { installed, words, snapshot } = made();
    rmSync(join(installed.libexec, 'lightning_openingd'));
    expect(holdfast(['snapshot', ...words]).stderr).toMatch(
      /an upgrade seems to be under way.*\n[\s\S]*wait until/,
    );
    expect(snapshot().stderr).toMatch(
      /an upgrade has stopped half-way.*\n[\s\S]*complete it with what began it/,
    );
  });
});

describe('what strings cannot tell', () => {
  test('is said to be unknown, not to agree', () => {
    const { plugins, other, snapshot } = made('v26.06');
    cpSync(join(other('v25.12').libexec, 'plugins'), plugins, { recursive: true });
    const { status, stderr } = snapshot();
    expect(status).toBe(0);
    expect(stderr).toMatch(/the release of .*plugins\/autoclean.* and 17 more is unknown/);
  });

  test('is not said of a plugin that came with others that are surely of that release', () => {
    const { plugins, other, snapshot } = made('v26.06');
    for (const name of readdirSync(plugins).filter(plugin => plugin !== 'pay'))
      blankBounds(join(plugins, name));
    expect(snapshot().stderr).not.toContain('is unknown');
    put(join(plugins, 'pay'), readFileSync(join(other('v25.12').libexec, 'plugins/pay')));
    utimesSync(join(plugins, 'pay'), new Date(), new Date(Date.now() - 200 * 86_400_000));
    expect(snapshot().stderr).toMatch(/the release of .*plugins\/pay is unknown/);
  });
});

test.each([
  ['exec "%" "$@"', true],
  ['export CLN=1\nexec env CLN=2 % "$@"', true],
  ['% "$@"', true],
  ['cd /\nPATH=/opt/cln/bin exec lightningd "$@"', true],
  ['exec "$CLN/bin/lightningd" "$@"', true],
  ['# as exec % would\necho lightningd: a stand-in\nlog=/var/log/lightningd.log', false],
  ['exec "$(dirname "$0")/lightningd-real" "$@"', false],
  ['pid_file=$PWD/../lightningd-$network.pid\nsocket="$HOME/lightningd socket"', false],
])(
  'a script in lightningd’s place, %j: said at every launch where it executes another one',
  (script, isSaid) => {
    const { installed, words, other } = made('v26.03');
    const text = script.replaceAll('%', other('v25.12').lightningd);
    put(installed.lightningd, `#!/bin/sh\n[ "$1" != --version ] || exec echo v26.03\n${text}\n`);
    ageDirectories(installed.prefix);
    for (const reused of [false, true]) {
      const { status, stdout, stderr } = holdfast(['snapshot', '--json', ...words]);
      expect(status, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ reused });
      if (isSaid)
        expect(stderr).toMatch(/is a script that executes '.*lightningd': what that starts is not protected/);
      else expect(stderr).not.toContain('is a script');
    }
  },
);

test('a script that executes a lightningd beside itself, which no snapshot has: the other one is to be named', () => {
  const { installed, words, snapshot } = made('v26.03');
  const real = `${installed.lightningd}.real`;
  renameSync(installed.lightningd, real);
  put(installed.lightningd, '#!/bin/sh\nexec "$(dirname "$0")/lightningd.real" "$@"\n');
  const { status, stderr } = snapshot();
  expect(status).toBe(1);
  expect(stderr).toContain('hint: it is a script, and what it executes beside itself is not in a snapshot');
  expect(stderr).not.toContain('complete it with what began it');
  const named = words.map(word => (word === installed.lightningd ? real : word));
  expect(holdfast(['snapshot', ...named]).status).toBe(0);
});

test('a script somewhere else that executes lightningd: which one to name is said', () => {
  const { dir, installed } = made('v26.03');
  const bin = join(dir, 'local/bin');
  ensureDirSync(bin);
  put(join(bin, 'lightningd'), `#!/bin/sh\nexec ${installed.lightningd} "$@"\n`);
  const { status, stderr } = holdfast(['snapshot', '--settle=0', join(bin, 'lightningd')]);
  expect(status).toBe(2);
  expect(stderr).toContain(
    `hint: it is a script that executes '${installed.lightningd}': name that in its place`,
  );
});

test('programs that hold no version are named as unknown with --verbose', () => {
  const { words } = made();
  const { stderr } = holdfast(['snapshot', '--verbose', ...words]);
  expect(stderr).toMatch(/of unknown version.*lightning_websocketd.*lightning-hsmtool.*reckless/);
});

describe('whole: taken, with a word', () => {
  test('a built-in plugin was removed: lightningd starts without it', () => {
    const { plugins, snapshot, dir } = made();
    rmSync(join(plugins, 'cln-renepay'));
    const { status, stderr } = snapshot();
    expect(status, stderr).toBe(0);
    expect(stderr).toContain('the built-in plugin cln-renepay is missing');
    expect(readdirSync(dir)).toContain('lightning');
  });

  test('lightningd prints log lines before its version', () => {
    const { installed, words } = made('v25.12');
    const log =
      '2026-11-28T00:16:27.336Z UNUSUAL plugin-manager: failed to register plugin /usr/bin/../plugins/cln-new';
    put(installed.lightningd, `#!/bin/sh\necho '${log}'\necho v25.12\n`);
    ageDirectories(installed.prefix);
    const { status, stderr, stdout } = holdfast(['snapshot', '--json', ...words]);
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ version: 'v25.12' });
    expect(stderr).toContain('the built-in plugin cln-new is missing');
  });

  test('left-overs of another release: programs that lightningd does not name', () => {
    const { installed, plugins, other, snapshot } = made('v26.03');
    const { libexec } = other('v25.12');
    patch(installed.lightningd, 'fetchinvoice', 'x');
    patch(installed.lightningd, 'lightning_gossip_compactd', 'y');
    cpSync(join(libexec, 'plugins/fetchinvoice'), join(plugins, 'fetchinvoice'));
    cpSync(join(libexec, 'lightning_gossip_compactd'), join(installed.libexec, 'lightning_gossip_compactd'));
    const { status, stderr } = snapshot();
    expect(status, stderr).toBe(0);
    for (const path of [join(plugins, 'fetchinvoice'), join(installed.libexec, 'lightning_gossip_compactd')])
      expect(stderr).toContain(`'${path}' is left over from another release`);
  });

  test('no left-over: the file that a subdaemon is a link to', () => {
    const { installed, snapshot } = made('v26.03');
    const path = join(installed.libexec, 'lightning_openingd');
    renameSync(path, `${path}-26`);
    symlinkSync('lightning_openingd-26', path);
    cpSync(join(installed.libexec, 'lightning_channeld'), `${path}-25`);
    ageDirectories(installed.prefix);
    const { status, stderr } = snapshot();
    expect(status, stderr).toBe(0);
    expect(stderr).toContain(`'${path}-25' is left over`);
    expect(stderr).not.toContain(`${path}-26`); // to remove it, as is advised of a left-over, would leave no openingd
  });

  test.each([[], ['--no-gate']])(
    "a killed rpm's temporary file of three days ago is not taken %s",
    (...options) => {
      const { installed, words } = made('v26.03');
      const path = join(installed.libexec, 'lightning_openingd;6b09f034');
      cpSync(join(installed.libexec, 'lightning_openingd'), path);
      utimesSync(path, new Date(), new Date(Date.now() - 3 * 86_400_000));
      ageDirectories(installed.prefix);
      const { status, stderr, stdout } = holdfast(['snapshot', ...options, ...words]);
      expect(status, stderr).toBe(0);
      expect(stderr).toContain(`rm -- '${path}'`);
      expect(readdirSync(join(stdout.trim(), 'libexec/c-lightning'))).not.toContain(
        'lightning_openingd;6b09f034',
      );
    },
  );

  test('object files and data that are executable, as on a file system where everything is', () => {
    const { installed, plugins, other, snapshot } = made('v26.03');
    put(join(plugins, 'README.md'), 'v25.12');
    put(join(plugins, 'empty'), '');
    const object = readFileSync(join(other('v25.12').libexec, 'plugins/pay'));
    object[0x10] = 1; // ET_REL
    put(join(plugins, 'pay.o'), object);
    put(join(installed.libexec, 'lightning_hsmd.o'), object);
    const { status, stderr } = snapshot();
    expect(status, stderr).toBe(0);
  });

  test('a version in what is not loaded: debugging information names the folder it was built in', () => {
    const { installed, plugins, snapshot } = made('v26.03');
    for (const path of [join(plugins, 'pay'), join(installed.libexec, 'lightning_websocketd')])
      put(path, Buffer.concat([readFileSync(path), Buffer.from('\0/build/lightning-v24.08\0v24.08\0')]));
    expect(snapshot().status).toBe(0);
  });

  test('programs that find a library by the caller’s LD_LIBRARY_PATH', ctx => {
    const { dir, installed, words } = made('v26.03');
    mkdirSync(join(dir, 'own'));
    writeFileSync(join(dir, 'lib.c'), 'int nothing;\n');
    writeFileSync(
      join(dir, 'main.c'),
      '#include <stdio.h>\nextern int nothing;\nint main(void) { return puts("v26.03") < nothing; }\n',
    );
    const cc = (...args: string[]) => spawnSync('cc', args, { cwd: dir, encoding: 'utf8' });
    const built =
      cc('-shared', '-fPIC', '-o', 'own/libown-of-test.so', 'lib.c').status === 0 &&
      cc('-o', 'asked', 'main.c', '-Lown', '-lown-of-test').status === 0;
    if (!built) ctx.skip('cc makes no shared library here');
    put(join(installed.libexec, 'lightning_hsmd'), readFileSync(join(dir, 'asked')));
    ageDirectories(installed.prefix);
    const refused = holdfast(['snapshot', ...words]);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/lightning_hsmd/);
    const env = { ...process.env, LD_LIBRARY_PATH: join(dir, 'own') };
    const { status, stderr } = holdfast(['snapshot', ...words], { env });
    expect(status, stderr).toBe(0);
  });

  test('an own plugin that misses a library, in the plugin directory of the package: it is not lightningd’s', ctx => {
    const { dir, plugins, snapshot } = made('v26.03');
    writeFileSync(join(dir, 'lib.c'), 'int nothing;\n');
    writeFileSync(join(dir, 'main.c'), 'extern int nothing;\nint main(void) { return nothing; }\n');
    const cc = (...args: string[]) => spawnSync('cc', args, { cwd: dir }).status === 0;
    const isBuilt =
      cc('-shared', '-fPIC', '-o', 'libgone-of-test.so', 'lib.c') &&
      cc('-o', join(plugins, 'own'), 'main.c', '-L.', '-lgone-of-test');
    if (!isBuilt) ctx.skip('cc makes no shared library here');
    const { status, stderr } = snapshot();
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/plugins\/own.*libgone-of-test\.so/);
    renameSync(join(plugins, 'own'), join(plugins, 'pay'));
    expect(snapshot().status).toBe(1);
  });

  test('what lightningd can do without, closed to its user', ctx => {
    if (process.geteuid?.() !== 0) ctx.skip('needs root, to have files of another user');
    const { dir, installed, plugins, words } = made('v26.03');
    const own = join(plugins, 'own');
    const inDirectory = join(plugins, 'closed/private-xyz');
    mkdirSync(join(plugins, 'closed'), { mode: 0o700 });
    for (const path of [own, inDirectory]) {
      cpSync(join(plugins, 'pay'), path);
      chmodSync(path, 0o750);
    }
    ageDirectories(installed.prefix);
    const tool = join(installed.prefix, 'bin/lightning-hsmtool');
    chmodSync(tool, 0o700);
    const home = join(dir, 'lightning');
    mkdirSync(home, { mode: 0o755 });
    chownSync(home, ORDINARY_USER, ORDINARY_USER);
    const { status, stderr } = holdfast(['snapshot', ...words], { user: ORDINARY_USER });
    expect(status, stderr).toBe(0);
    for (const path of [own, tool])
      expect(stderr).toContain(
        `cannot read '${path}': permission denied (EACCES); it is not in the snapshot`,
      );
    utimesSync(plugins, new Date(), new Date(Date.now() - 60_000)); // so that the installation is listed
    const place = `--lightning-dir=${home}`;
    const seen = JSON.parse(holdfast(['status', '--json', place]).stdout); // by root, who can read them
    expect(seen.snapshots[0].root).toBe(seen.installed.root);
    // one of lightningd's own that nobody may read yet is half of an upgrade: install(1) makes files so
    chmodSync(join(plugins, 'pay'), 0o600);
    expect(holdfast(['snapshot', ...words], { user: ORDINARY_USER }).status).toBe(1);
  });

  test("own plugins in the package's plugin directory: a link to a directory elsewhere, a dangling one", () => {
    const { dir, plugins, snapshot } = made('v26.03');
    mkdirSync(join(dir, 'mine'));
    symlinkSync(join(dir, 'mine'), join(plugins, 'mine'));
    symlinkSync('/nowhere/at/all', join(plugins, 'gone'));
    const { status, stderr, stdout } = snapshot();
    expect(status, stderr).toBe(0);
    for (const name of ['mine', 'gone']) expect(stderr).toContain(`'${join(plugins, name)}'`);
    expect(readdirSync(join(stdout.trim(), 'libexec/c-lightning/plugins'))).toContain('pay');
  });

  test('the store, the data and the socket of a node among the programs: every launch, no wait', async () => {
    const dir = tempDir();
    const installed = makeCInstallation(dir, 'v26.03', { buildTree: true });
    for (const lightningDir of [
      join(dir, 'lightningd'),
      join(dir, 'lightningd/data'),
      join(dir, 'plugins/data'),
    ]) {
      ensureDirSync(join(lightningDir, 'bitcoin'));
      ageDirectories(dir);
      const server = createServer();
      const socket = join(lightningDir, 'bitcoin/lightning-rpc');
      await new Promise<void>(resolve => server.listen(socket, resolve));
      const words = ['--settle=0', installed.lightningd, `--lightning-dir=${lightningDir}`];
      const first = holdfast(['snapshot', ...words]);
      expect(first.status, first.stderr).toBe(0);
      expect(snapshotJson(words)).toMatchObject({ reused: true });
      expect(holdfast(['status', `--lightning-dir=${lightningDir}`]).stdout).not.toMatch(/socket/);
      await new Promise(resolve => server.close(resolve));
      rmSync(join(lightningDir, 'bitcoin'), { recursive: true });
    }
  });
});
