/** The package managers' hooks, each with what its package manager would give it, and with a guard that answers anything. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { expect, test } from 'vitest';
import { makeRoot, noDpkg } from '../helpers/dpkg.ts';
import { HOLDFAST } from '../helpers/holdfast.ts';
import { makePacmanRoot, noPacman } from '../helpers/pacman.ts';
import { script } from '../helpers/running.ts';
import { makePair, type Node, noCompiler, startNode, tempDir, upgrade } from '../helpers/stand-in.ts';

const contrib = join(import.meta.dirname, '../../contrib');

/** A PATH whose holdfast ends with this status, and writes down that it was asked. */
function guardThatEndsWith(status: number) {
  const dir = tempDir();
  script(
    join(dir, 'holdfast'),
    `#!/bin/sh\necho "asked: $*" >>"${dir}/asked"\necho "a node"\nexit ${status}\n`,
  );
  return {
    env: { ...process.env, PATH: `${dir}:${process.env.PATH}` },
    asked: () => spawnSync('cat', [`${dir}/asked`], { encoding: 'utf8' }).stdout,
  };
}

/** What apt writes in protocol version 2: configuration, an empty line, a line for each package. */
const aptInput = (name: string) =>
  `VERSION 2\nAPT::Architecture=amd64\n\n${name} 25.12-1 < 26.03-1 /var/cache/apt/archives/${name}.deb\n`;

test.each([
  [0, 'lightningd', 0],
  [1, 'lightningd', 1],
  [2, 'lightningd', 0],
])('apt: a guard that ends with %i for %s ends the hook with %i', (status, name, expected) => {
  const { env, asked } = guardThatEndsWith(status);
  const called = spawnSync(join(contrib, 'apt/holdfast-guard-apt'), {
    input: aptInput(name),
    encoding: 'utf8',
    env,
  });
  expect(called.status).toBe(expected);
  expect(asked()).toBe('asked: guard\n');
  if (status === 2) expect(called.stderr).toMatch(/warning: could not tell/);
});

test('apt: the upgrade of other packages does not even ask', () => {
  const { env, asked } = guardThatEndsWith(1);
  const called = spawnSync(join(contrib, 'apt/holdfast-guard-apt'), {
    input: aptInput('lightningd-tools-of-mine'),
    encoding: 'utf8',
    env,
  });
  expect(called.status).toBe(0);
  expect(asked()).toBe('');
});

test('apt: its configuration is read by the real apt-config', ctx => {
  const called = spawnSync('apt-config', ['-c', join(contrib, 'apt/80holdfast'), 'dump', 'DPkg'], {
    encoding: 'utf8',
  });
  if (called.error !== undefined) ctx.skip('apt is not installed');
  expect(called.stdout).toContain('DPkg::Pre-Install-Pkgs:: "/usr/local/lib/holdfast/holdfast-guard-apt";');
  expect(called.stdout).toContain(
    'DPkg::Tools::Options::/usr/local/lib/holdfast/holdfast-guard-apt::Version "2";',
  );
});

test.for([
  [0, '26.03'],
  [1, '25.12'],
  [2, '26.03'],
] as const)('apt itself: with a guard that ends with %i there is %s afterwards', ([status, version], ctx) => {
  const reason = noDpkg();
  if (reason !== undefined) ctx.skip(reason);
  if (spawnSync('apt-get', ['--version']).error !== undefined) ctx.skip('apt is not installed');
  const { env, asked } = guardThatEndsWith(status);
  const { apt, old, young, install, lightningd } = makeRoot();
  install(old);
  const hook = readFileSync(join(contrib, 'apt/80holdfast'), 'utf8');
  const here = hook.replaceAll('/usr/local/lib/holdfast/', `${contrib}/apt/`);
  const { status: ended, stdout, stderr } = apt(here, env, young);
  expect(asked(), stdout + stderr).toBe('asked: guard\n');
  expect(spawnSync(lightningd, ['--version'], { encoding: 'utf8' }).stdout).toBe(`v${version}\n`);
  if (status === 1) expect(stderr).toContain("start it with 'holdfast run' first");
  expect(ended === 0).toBe(status !== 1);
});

test.for([
  ['lightning[d]|my-lightning', '25.12'],
  ['my-lightning', '26.03'],
] as const)(
  'apt itself: where %s are the packages to ask for there is %s afterwards',
  ([packages, version], ctx) => {
    const reason = noDpkg();
    if (reason !== undefined) ctx.skip(reason);
    if (spawnSync('apt-get', ['--version']).error !== undefined) ctx.skip('apt is not installed');
    const { env } = guardThatEndsWith(1);
    const { apt, old, young, install, lightningd } = makeRoot();
    install(old);
    const hook = readFileSync(join(contrib, 'apt/80holdfast'), 'utf8');
    const line = /^\/\/ (Holdfast::Packages) "my-lightning";$/m;
    expect(hook).toMatch(line);
    const here = hook
      .replaceAll('/usr/local/lib/holdfast/', `${contrib}/apt/`)
      .replace(line, `$1 "${packages}";`);
    const { stdout, stderr } = apt(here, env, young);
    const said = spawnSync(lightningd, ['--version'], { encoding: 'utf8' }).stdout;
    expect(said, stdout + stderr).toBe(`v${version}\n`);
  },
);

/** /bin/sh with the libraries that it needs. */
function putShell(root: string): void {
  const { stdout } = spawnSync('ldd', ['/bin/sh'], { encoding: 'utf8' });
  for (const path of ['/bin/sh', ...(stdout.match(/\/\S+/g) ?? [])]) {
    ensureDirSync(join(root, dirname(path)));
    copyFileSync(realpathSync(path), join(root, path));
  }
}

test.for([
  [0, '26.03'],
  [1, '25.12'],
  [2, '26.03'],
] as const)(
  'pacman itself: with a guard that ends with %i there is %s afterwards',
  ([status, version], ctx) => {
    const reason = noPacman();
    if (reason !== undefined) ctx.skip(reason);
    const { root, old, young, command, install, lightningd } = makePacmanRoot();
    install(old);
    // pacman runs hooks below its root, by what is there
    putShell(root);
    ensureDirSync(join(root, 'usr/local/bin'));
    script(join(root, 'usr/local/bin/holdfast'), `#!/bin/sh\necho "asked: $*" >>/asked\nexit ${status}\n`);
    const [program = '', ...words] = command(young, '--hookdir', join(contrib, 'pacman'));
    const env = { ...process.env, PATH: `/usr/local/bin:${process.env.PATH}` };
    const { status: ended, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8', env });
    expect(
      existsSync(join(root, 'asked')) && readFileSync(join(root, 'asked'), 'utf8'),
      stdout + stderr,
    ).toBe('asked: guard\n');
    expect(spawnSync(lightningd, ['--version'], { encoding: 'utf8' }).stdout).toBe(`v${version}\n`);
    expect(ended === 0).toBe(status !== 1);
  },
);

test.each([
  [0, 0],
  [1, 1],
  [2, 0],
])('pacman: a guard that ends with %i lets the command of the hook end with %i', (status, expected) => {
  const { env } = guardThatEndsWith(status);
  const command = /^Exec = (.*)$/m.exec(readFileSync(join(contrib, 'pacman/holdfast.hook'), 'utf8'))?.[1];
  expect(spawnSync('sh', ['-c', command!], { env }).status).toBe(expected);
});

test.each([
  [0, 0],
  [1, 1],
  [2, 0],
])(
  'dnf: a guard that ends with %i lets the action end with %i, and says nothing on stdout',
  (status, expected) => {
    const { env } = guardThatEndsWith(status);
    const called = spawnSync(join(contrib, 'dnf/holdfast-guard-dnf'), { encoding: 'utf8', env });
    expect(called).toMatchObject({ status: expected, stdout: '' });
  },
);

test.each([
  ['net-p2p/core-lightning', 0, 'merged'],
  ['net-p2p/core-lightning', 1, 'died'],
  ['net-p2p/core-lightning', 2, 'warned merged'],
  ['app-misc/hello', 1, 'merged'],
])('portage: %s with a guard that ends with %i is %s', (atom, status, expected) => {
  const { env } = guardThatEndsWith(status);
  const [category, name] = atom.split('/');
  const program = `CATEGORY=${category} PN=${name}; die() { echo died; exit 1; }; ewarn() { printf 'warned '; }
    . ${contrib}/portage/bashrc; pre_pkg_preinst >/dev/null 2>&1 3>&1 || exit; echo merged`;
  const said = spawnSync('bash', ['-c', program.replace('>/dev/null 2>&1 3>&1', '')], {
    env,
    encoding: 'utf8',
  }).stdout;
  expect(said.replace(/^a node\n/, '').trim()).toBe(expected);
});

test('needrestart: the drop-in is Perl that overrides the unit', ctx => {
  const program = `our %nrconf; do $ARGV[0] or die $@ || $!;
    my ($unit) = grep { "lightningd.service" =~ $_ } keys %{$nrconf{override_rc}};
    print defined $unit && $nrconf{override_rc}->{$unit} == 0 ? "ok" : "not ok";`;
  const called = spawnSync('perl', ['-e', program, join(contrib, 'needrestart/holdfast.conf')], {
    encoding: 'utf8',
  });
  if (called.error !== undefined) ctx.skip('perl is not installed');
  expect(`${called.stdout}${called.stderr}`).toBe('ok');
});

test('needrestart itself lists a plain node after an upgrade, and none that runs from a snapshot', async ctx => {
  const stock = '/etc/needrestart/needrestart.conf';
  if (!existsSync(stock) || !existsSync('/usr/sbin/needrestart')) ctx.skip('needrestart is not installed');
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
  const dir = tempDir();
  const { installed, next } = makePair(dir);
  const plain = await startNode(installed, join(dir, 'plain'));
  const held = await startNode(installed, join(dir, 'held'), {
    command: [HOLDFAST, 'run', installed.lightningd],
  });
  upgrade('rename', next.prefix, installed.prefix);
  // as it is installed: needrestart.conf reads the files of conf.d at its end
  const configuration = join(dir, 'needrestart.conf');
  const dropIn = readFileSync(join(contrib, 'needrestart/holdfast.conf'));
  writeFileSync(configuration, Buffer.concat([readFileSync(stock), dropIn]));
  // Debian has it in a directory that an ordinary user's PATH may lack
  const { stdout, stderr } = spawnSync(
    '/usr/sbin/needrestart',
    ['-c', configuration, '-b', '-r', 'l', '-l', '-v'],
    {
      encoding: 'utf8',
    },
  );
  expect(stdout).toContain('NEEDRESTART-VER: ');
  const uses = (node: Node) => stderr.split('\n').filter(line => line.includes(` #${node.pid} uses `));
  expect(uses(plain), stderr).toEqual([
    expect.stringContaining(`uses obsolete binary ${installed.lightningd}`),
  ]);
  expect(uses(held)).toEqual([]);
});
