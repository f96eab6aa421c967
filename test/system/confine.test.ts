/** `run --confine`, from outside: what the kernel lets a node execute, and what not. */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { HOLDFAST, holdfast, ORDINARY_USER } from '../helpers/holdfast.ts';
import { script, until, works } from '../helpers/running.ts';
import {
  endAfterTest,
  makeCInstallation,
  noCompiler,
  type StandIn,
  startNode,
  tempDir,
  upgrade,
} from '../helpers/stand-in.ts';
import { noStrace } from '../helpers/strace.ts';

const isRoot = process.geteuid?.() === 0;
/** As ourselves, and where we are root also as somebody who needs no_new_privs for it. */
const USERS = isRoot ? [undefined, ORDINARY_USER] : [undefined];
const asUser = (user: number | undefined): string[] =>
  user === undefined ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups'];

/** Without what a developer's PATH puts before the system's python3: a shim is a script that starts others. */
const env = { ...process.env, PATH: '/usr/local/bin:/usr/bin:/bin' };

beforeEach(ctx => {
  const reason = noCompiler() ?? noLandlock();
  if (reason !== undefined) ctx.skip(reason);
  if (!works('/usr/bin/python3', '-c', '0')) ctx.skip('no /usr/bin/python3 here');
});

function noLandlock(): string | undefined {
  const { status, stderr } = holdfast(['run', '--confine', '/nowhere/lightningd']);
  return status === 125 && stderr.includes('Landlock') ? stderr : undefined;
}

/** A plugin that tries to execute each line of `<itself>.try`, and writes what came of it to `<itself>.tried`. */
const TRY = `#!/usr/bin/env python3
import errno, os, sys
result = []
for path in open(sys.argv[0] + '.try').read().splitlines():
    pid = os.fork()
    if pid == 0:
        os.close(0), os.open('/dev/null', os.O_RDONLY), os.dup2(os.open('/dev/null', os.O_WRONLY), 1)
        try: os.execv(path, [path, '--version'])
        except OSError as error: os._exit(100 + error.errno)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    result.append(path + ' ' + ('ok' if status == 0 else errno.errorcode.get(status - 100, str(status))))
out = os.open(sys.argv[0] + '.new', os.O_WRONLY | os.O_CREAT, 0o644)
os.write(out, ('\\n'.join(result) + '\\n').encode())
os.rename(sys.argv[0] + '.new', sys.argv[0] + '.tried')
sys.stdin.read()
`;

interface Context {
  readonly installed: StandIn;
  readonly lightningDir: string;
  readonly plugin: string;
}

/** An installation whose plugins are no shell scripts, a lightning-dir, and the plugin that tries. */
function makeWorld(user: number | undefined): Context {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  // in a real one these are Python programs, and the shell is nobody's interpreter
  const reckless = join(installed.prefix, 'bin/reckless');
  writeFileSync(reckless, '#!/usr/bin/env python3\nprint("v0.1")\n');
  writeFileSync(
    join(installed.libexec, 'plugins/clnrest/clnrest.py'),
    '#!/usr/bin/env python3\nimport sys\nsys.stdin.read()\n',
  );
  const lightningDir = join(dir, 'lightning');
  const plugin = join(dir, 'operator/try.py');
  for (const path of [lightningDir, dirname(plugin)]) {
    mkdirSync(path, { mode: 0o755 });
    if (user !== undefined) chownSync(path, user, user);
  }
  script(plugin, TRY);
  return { installed, lightningDir, plugin };
}

/** What became of each path. */
async function tried(plugin: string): Promise<string[]> {
  const file = `${plugin}.tried`;
  await until('the plugin to try', () => existsSync(file));
  return readFileSync(file, 'utf8').trimEnd().split('\n');
}

function startConfined(
  world: Context,
  user: number | undefined,
  words: readonly string[],
  args: readonly string[],
) {
  return startNode(world.installed, world.lightningDir, {
    command: [...asUser(user), HOLDFAST, 'run', '--confine', ...words, world.installed.lightningd],
    args,
    env,
  });
}

describe.each(USERS)('as user %s', user => {
  const options = user === undefined ? {} : { user };

  test('the snapshot and the configured Python plugin are executed, the installation, the shell and a copy in /tmp are not', async () => {
    const world = makeWorld(user);
    const { installed, lightningDir, plugin } = world;
    const copy = join(dirname(plugin), 'copy-of-itself');
    copyFileSync(installed.lightningd, copy);
    chmodSync(copy, 0o755);
    const allowed = join(dirname(plugin), 'allowed');
    copyFileSync(copy, allowed);
    const forbidden = [join(installed.libexec, 'lightning_openingd'), installed.lightningd, '/bin/sh', copy];
    writeFileSync(`${plugin}.try`, [...forbidden, allowed].join('\n'));
    const node = await startConfined(
      world,
      user,
      ['--method=copy', `--allow-exec=${allowed}`],
      [`--plugin=${plugin}`],
    );
    expect(await tried(plugin)).toEqual([...forbidden.map(path => `${path} EACCES`), `${allowed} ok`]);
    expect(node.output()).not.toContain('BROKEN');
    expect(node.cli('open')).toMatchObject({ status: 0, stdout: expect.stringContaining('v25.12') });

    const { stdout } = holdfast(['status', '--json', `--lightning-dir=${lightningDir}`], { env, ...options });
    const paths = JSON.parse(stdout).nodes[0].confined.map(({ path }: { path: string }) => path);
    expect(paths[0]).toBe(dirname(dirname(readlinkSync(`/proc/${node.pid}/exe`))));
    expect(paths).toEqual(expect.arrayContaining([plugin, allowed, '/usr/bin/env', '/usr/bin/python3']));
    for (const path of forbidden) expect(paths).not.toContain(path);
    const text = holdfast(['status', '--verbose', `--lightning-dir=${lightningDir}`], {
      env,
      ...options,
    }).stdout;
    expect(text).toContain(`  confined may execute '${paths[0]}', `);
    for (const path of paths) expect(text).toContain(path);
  });

  test('with --method=pin, the pinned programs are executed, also after the installation was replaced', async () => {
    const world = makeWorld(user);
    const { installed, plugin } = world;
    const next = makeCInstallation(join(dirname(installed.prefix), 'next'), 'v26.03');
    writeFileSync(`${plugin}.try`, '/bin/sh');
    const node = await startConfined(world, user, ['--method=pin'], [`--plugin=${plugin}`]);
    expect(await tried(plugin)).toEqual(['/bin/sh EACCES']);
    upgrade('rename', next.prefix, installed.prefix);
    expect(node.cli('open')).toMatchObject({ status: 0, stdout: expect.stringContaining('v25.12') });
  });
});

test('what --verbose lists is the snapshot, then each program with what asks for it', async () => {
  const world = makeWorld(undefined);
  const { plugin, lightningDir } = world;
  writeFileSync(`${plugin}.try`, '');
  const override = join(dirname(plugin), 'hsmd');
  copyFileSync(join(world.installed.libexec, 'lightning_hsmd'), override);
  mkdirSync(join(lightningDir, 'plugins'));
  const args = [`--plugin=${plugin}`, `--subdaemon=hsmd:${override}`, '--plugin-dir=/nowhere/plugins'];
  const node = await startConfined(world, undefined, ['--verbose'], args);
  const said = node.output();
  expect(said).toContain(`holdfast: may be executed: '${lightningDir}/subdaemons/`);
  for (const line of [
    `'${plugin}' (plugin=)`,
    `'${override}' (subdaemon=)`,
    `'${lightningDir}/plugins' (the lightning-dir's plugins)`,
    `'/usr/bin/env' (interpreter of `,
    `'/usr/bin/python3' (interpreter of `,
  ])
    expect(said).toContain(`holdfast: may be executed: ${line}`);
  expect(said).toContain(
    "holdfast: warning: '/nowhere/plugins' (plugin-dir=) is not there, and may not be executed if it comes later",
  );
  await tried(plugin); // the plugin writes into the directory that the test's end removes
});

test('a daemon stays confined', async () => {
  const world = makeWorld(undefined);
  const { installed, lightningDir, plugin } = world;
  writeFileSync(`${plugin}.try`, '/bin/sh');
  const { status, stderr } = holdfast(
    [
      'run',
      '--confine',
      installed.lightningd,
      `--lightning-dir=${lightningDir}`,
      `--plugin=${plugin}`,
      '--daemon',
    ],
    { env },
  );
  expect({ status, stderr }).toMatchObject({ status: 0 });
  endAfterTest(Number(readFileSync(join(lightningDir, 'lightningd-bitcoin.pid'), 'utf8')));
  expect(await tried(plugin)).toEqual(['/bin/sh EACCES']);
});

test('an ordinary user gets no_new_privs with it, and root does not', async ctx => {
  if (!isRoot) ctx.skip('needs root, to compare both');
  for (const user of USERS) {
    const world = makeWorld(user);
    writeFileSync(`${world.plugin}.try`, '');
    const node = await startConfined(world, user, [], []);
    expect(readFileSync(`/proc/${node.pid}/status`, 'utf8')).toContain(
      `NoNewPrivs:\t${user === undefined ? 0 : 1}`,
    );
  }
});

describe('where the kernel has no Landlock', () => {
  const LACKS = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=landlock_create_ruleset', '-e'];

  test.for(['ENOSYS', 'EOPNOTSUPP'])(
    '%s: it fails before anything is made, or goes on with a warning',
    (errno, ctx) => {
      const reason = noStrace();
      if (reason !== undefined) ctx.skip(reason);
      const { installed, lightningDir } = makeWorld(undefined);
      const run = (mode: string, ...args: string[]) =>
        holdfast(
          [
            ...LACKS.slice(1),
            `inject=landlock_create_ruleset:error=${errno}`,
            HOLDFAST,
            'run',
            mode,
            ...args,
          ],
          { program: 'strace', env },
        );
      const words = [installed.lightningd, `--lightning-dir=${lightningDir}`];
      const refused = run('--confine', ...words);
      expect(refused.status).toBe(125);
      expect(refused.stderr).toMatch(
        /^holdfast: cannot confine lightningd: .*Landlock.*\n(holdfast: hint: .*\n){2}$/,
      );
      expect(readdirSync(lightningDir)).toEqual([]);
      const words2 = [...words, '--pid-file=/nowhere/at/all'];
      const gone = run('--confine=best-effort', ...words2);
      expect(gone.stderr).toContain('holdfast: warning: ');
      expect(gone.stderr).toContain('lightningd is not confined');
      expect(gone.status).not.toBe(125);
    },
  );
});

test.for([
  [['--allow-exec=/bin/sh'], 'holdfast: --allow-exec says what --confine is to allow\n'],
  [['--confine=always'], 'holdfast: --confine=always is not --confine or --confine=best-effort\n'],
  [['--confine='], 'holdfast: --confine needs a value: --confine=best-effort\n'],
  [
    ['--confine', '--allow-exec=/nowhere'],
    'holdfast: --allow-exec=/nowhere: there is no such file or directory\n',
  ],
] as const)('%s is a usage error', ([words, message]) => {
  const { installed, lightningDir } = makeWorld(undefined);
  const { status, stderr } = holdfast([
    'run',
    ...words,
    installed.lightningd,
    `--lightning-dir=${lightningDir}`,
  ]);
  expect({ status, stderr }).toEqual({ status: 125, stderr: expect.stringContaining(message) });
  expect(readdirSync(lightningDir)).toEqual([]);
});
