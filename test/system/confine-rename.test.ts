/** `run --confine` and what lightningd writes: rename(2) and link(2) between directories go on as without it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { HOLDFAST, holdfast } from '../helpers/holdfast.ts';
import { script, until, works } from '../helpers/running.ts';
import { makeCInstallation, noCompiler, startNode, tempDir } from '../helpers/stand-in.ts';
import { noStrace } from '../helpers/strace.ts';

beforeEach(ctx => {
  const reason = noCompiler() ?? noLandlock();
  if (reason !== undefined) ctx.skip(reason);
  if (!works('/usr/bin/python3', '-c', '0')) ctx.skip('no /usr/bin/python3 here');
});

function noLandlock(): string | undefined {
  const { status, stderr } = holdfast(['run', '--confine', '/nowhere/lightningd']);
  return status === 125 && stderr.includes('Landlock') ? stderr : undefined;
}

/** A plugin that does what each line of `<itself>.try` says (`rename FROM TO`), and writes what came of it. */
const MOVE = `#!/usr/bin/python3
import errno, os, sys
result = []
for line in open(sys.argv[0] + '.try').read().splitlines():
    call, source, target = line.split(' ')
    try:
        getattr(os, call)(source, target)
        result.append(call + ' ok')
    except OSError as error:
        result.append(call + ' ' + errno.errorcode[error.errno])
with open(sys.argv[0] + '.new', 'w') as file: file.write('\\n'.join(result) + '\\n')
os.rename(sys.argv[0] + '.new', sys.argv[0] + '.tried')
sys.stdin.read()
`;

import { ensureDirSync } from 'fs-extra/esm';

/** Files and directories to move, below one directory that nothing allows to execute from, and the plugin in another. */
function makeMover() {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const at = (name: string) => join(dir, 'data', name);
  for (const name of ['a/directory', 'b', 'lightning/plugins']) ensureDirSync(at(name));
  for (const name of ['a/file', 'a/linked', 'a/plugin', 'lightning/plugins/old'])
    writeFileSync(at(name), name);
  const plugin = join(dir, 'operator/move.py');
  mkdirSync(dirname(plugin));
  script(plugin, MOVE);
  const tries = [
    `rename ${at('a/file')} ${at('b/file')}`,
    `link ${at('a/linked')} ${at('b/linked')}`,
    `rename ${at('a/directory')} ${at('b/directory')}`,
    `rename ${at('lightning/plugins/old')} ${at('b/old')}`,
    `rename ${at('a/plugin')} ${at('lightning/plugins/plugin')}`,
  ];
  writeFileSync(`${plugin}.try`, tries.join('\n'));
  const result = async () => {
    await until('the plugin to try', () => existsSync(`${plugin}.tried`));
    return readFileSync(`${plugin}.tried`, 'utf8').trimEnd().split('\n');
  };
  return { installed, lightningDir: at('lightning'), plugin, result };
}

test('renames and links between directories work; only into a directory of programs nothing can be moved', async () => {
  const { installed, lightningDir, plugin, result } = makeMover();
  const node = await startNode(installed, lightningDir, {
    command: [HOLDFAST, 'run', '--confine', installed.lightningd],
    args: [`--plugin=${plugin}`],
  });
  expect(await result()).toEqual(['rename ok', 'link ok', 'rename ok', 'rename ok', 'rename EXDEV']);
  expect(node.output()).not.toContain('EXDEV');
});

test('where Landlock is too old to allow them, it is said', async ctx => {
  const reason = noStrace();
  if (reason !== undefined) ctx.skip(reason);
  const { installed, lightningDir, plugin, result } = makeMover();
  // the kernel says that it knows the first version of the interface alone; -D: what we start, and end, is the node
  const oldKernel = 'inject=landlock_create_ruleset:retval=1:when=1';
  const node = await startNode(installed, lightningDir, {
    command: [
      ...[
        'strace',
        '-D',
        '-f',
        '-qq',
        '-o',
        '/dev/null',
        '-e',
        'trace=landlock_create_ruleset',
        '-e',
        oldKernel,
      ],
      ...[HOLDFAST, 'run', '--confine', installed.lightningd],
    ],
    args: [`--plugin=${plugin}`],
  });
  expect(new Set(await result())).toEqual(new Set(['rename EXDEV', 'link EXDEV']));
  expect(node.output()).toContain(
    'holdfast: warning: the Landlock of this kernel denies every rename and link between directories with it (EXDEV): ',
  );
});
