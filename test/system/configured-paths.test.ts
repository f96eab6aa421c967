/** Paths of the configuration that lead into the installation have the effect that they have without holdfast. */
import { copyFileSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { beforeEach, describe, expect, test } from 'vitest';
import { HOLDFAST, holdfast } from '../helpers/holdfast.ts';
import { until } from '../helpers/running.ts';
import {
  childrenOf,
  makeCInstallation,
  type Node,
  noCompiler,
  start,
  startNode,
  tempDir,
} from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

function makePlace() {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12', { plugins: 2 });
  const lightningDir = join(dir, 'lightning');
  ensureDirSync(join(lightningDir, 'bitcoin'));
  const plugin = join(installed.libexec, 'plugins/bcli');
  const configure = (...lines: string[]) =>
    writeFileSync(join(lightningDir, 'config'), `${lines.join('\n')}\n`);
  return { dir, installed, lightningDir, plugin, configure };
}

type Place = ReturnType<typeof makePlace>;

/** A node whose log has come to us as far as its start. */
const logged = async (starting: Promise<Node>) => {
  const node = await starting;
  await until('the log', () => node.output().includes('Server started'));
  return node;
};

const startUnder = ({ installed, lightningDir }: Place, args: readonly string[] = [], words: string[] = []) =>
  logged(
    startNode(installed, lightningDir, { command: [HOLDFAST, 'run', ...words, installed.lightningd], args }),
  );

/** Which plugins of this name were started. */
const started = (node: Node, name: string) =>
  node
    .output()
    .split('\n')
    .filter(line => line.startsWith('plugin-manager: started(') && line.endsWith(`/${name})`));

const argumentsOf = (node: Node) =>
  readFileSync(`/proc/${node.pid}/cmdline`, 'utf8').split('\0').slice(1, -1);

const programsOf = (node: Node) => childrenOf(node.pid).map(pid => readlinkSync(`/proc/${pid}/exe`));

describe('disable-plugin=', () => {
  test.each(['config', 'command line', 'relative', 'through a link', 'by pins'])('%s', async how => {
    const place = makePlace();
    const { dir, installed, plugin, configure } = place;
    symlinkSync(installed.libexec, join(dir, 'link'));
    const path =
      {
        relative: '../../usr/libexec/c-lightning/plugins/bcli',
        'through a link': join(dir, 'link/plugins/bcli'),
      }[how] ?? plugin;
    if (how === 'command line') configure('# none');
    else configure(`disable-plugin=${path}`);
    const args = how === 'command line' ? ['--disable-plugin', plugin] : [];
    const plain = await logged(startNode(installed, place.lightningDir, { args }));
    expect(started(plain, 'bcli')).toEqual([]);
    plain.cli('stop');
    await plain.ended;
    const node = await startUnder(place, args, how === 'by pins' ? ['--method=pin'] : []);
    expect(started(node, 'bcli')).toEqual([]);
    expect(started(node, 'autoclean')).toHaveLength(1);
  });

  test('by name leaves the command line as it is', async () => {
    const place = makePlace();
    place.configure('disable-plugin=bcli');
    const node = await startUnder(place, ['--disable-plugin=autoclean']);
    expect(argumentsOf(node)).toEqual([
      `--lightning-dir=${place.lightningDir}`,
      '--disable-plugin=autoclean',
    ]);
    expect([...started(node, 'bcli'), ...started(node, 'autoclean')]).toEqual([]);
  });
});

describe('subdaemon=', () => {
  test.each(['config', 'word', 'words'])(
    'a relative one outside of the installation is found (%s)',
    async how => {
      const place = makePlace();
      const { dir, installed, configure } = place;
      mkdirSync(join(dir, 'usr/own'));
      copyFileSync(join(installed.libexec, 'lightning_hsmd'), join(dir, 'usr/own/hsmd'));
      const value = 'hsmd:../../own/hsmd';
      configure(how === 'config' ? `subdaemon=${value}` : '# none');
      const args = how === 'word' ? [`--subdaemon=${value}`] : how === 'words' ? ['--subdaemon', value] : [];
      const node = await startUnder(place, args);
      expect(programsOf(node)).toContain(join(dir, 'usr/own/hsmd'));
      const mended = `hsmd:${installed.libexec}/../../own/hsmd`;
      const expected = {
        config: [`--subdaemon=${mended}`],
        word: [`--subdaemon=${mended}`],
        words: ['--subdaemon', mended],
      }[how];
      expect(argumentsOf(node).filter(word => !word.startsWith('--lightning-dir'))).toEqual(expected);
      expect(node.output()).toContain(
        `run from where they are, not from the snapshot: '${mended.slice('hsmd:'.length)}'`,
      );
    },
  );

  test('one that is configured twice is listed once', () => {
    const { dir, installed, lightningDir, configure } = makePlace();
    const own = join(dir, 'own');
    copyFileSync(join(installed.libexec, 'lightning_hsmd'), own);
    configure(`subdaemon=hsmd:${own}`, `subdaemon=connectd:${own}`);
    const { stderr } = holdfast(['snapshot', installed.lightningd, `--lightning-dir=${lightningDir}`]);
    expect(stderr).toContain(`run from where they are, not from the snapshot: '${own}'\n`);
  });

  test('one of the installation runs from the snapshot, by whichever path it is named', async () => {
    const place = makePlace();
    const { installed, configure, lightningDir } = place;
    configure(
      `subdaemon=hsmd:${installed.libexec}/lightning_hsmd`,
      'subdaemon=connectd:../c-lightning/lightning_connectd',
    );
    const node = await startUnder(place);
    const snapshot = readlinkSync(`/proc/${node.pid}/exe`).replace(/\/bin\/lightningd$/, '');
    expect(snapshot).toContain(lightningDir);
    const programs = programsOf(node).filter(path => /lightning_(hsmd|connectd)$/.test(path));
    expect(programs.sort()).toEqual(
      ['connectd', 'hsmd'].map(name => `${snapshot}/libexec/c-lightning/lightning_${name}`),
    );
    expect(argumentsOf(node)).toEqual([
      `--subdaemon=hsmd:${snapshot}/libexec/c-lightning/lightning_hsmd`,
      `--lightning-dir=${lightningDir}`,
    ]);
    expect(node.output()).not.toContain('warning');
  });

  test('one that is not there is for lightningd to refuse', () => {
    const { installed, lightningDir, configure } = makePlace();
    configure('subdaemon=hsmd:../nothing');
    const { status, stdout, stderr } = holdfast([
      'run',
      installed.lightningd,
      `--lightning-dir=${lightningDir}`,
    ]);
    expect({ status, said: stdout + stderr }).toEqual({
      status: 10,
      said: expect.stringContaining('Could not run'),
    });
  });
});

describe('a built-in plugin that is named again', () => {
  test.each([
    ['plugin', 'plugins/bcli'],
    ['important-plugin', 'plugins/bcli'],
    ['plugin-dir', 'plugins'],
  ])('by %s= is refused, as lightningd itself does, with the line to remove', async (option, below) => {
    const { installed, lightningDir, configure } = makePlace();
    const line = `${option}=${join(installed.libexec, below)}`;
    configure('# first', line);
    const plain = start(installed.lightningd, [`--lightning-dir=${lightningDir}`]);
    expect(await plain.ended).toBe(1);
    expect(plain.output()).toContain('Failed to register');
    const { status, stderr } = holdfast(['run', installed.lightningd, `--lightning-dir=${lightningDir}`]);
    expect({ status, stderr }).toEqual({
      status: 125,
      stderr: expect.stringMatching(
        /^holdfast: '.*\/config' line 2: .* a plugin that lightningd starts anyway: .*\nholdfast: hint: remove that line: /,
      ),
    });
    configure('# none');
    const given = holdfast(['run', installed.lightningd, `--lightning-dir=${lightningDir}`, `--${line}`]);
    expect(given).toMatchObject({
      status: 125,
      stderr: expect.stringContaining(`hint: leave out --${line}`),
    });
  });

  test("in the lightning-dir's plugins is started once", async () => {
    const place = makePlace();
    ensureDirSync(join(place.lightningDir, 'plugins/more'));
    symlinkSync(place.plugin, join(place.lightningDir, 'plugins/more/again'));
    symlinkSync('/bin/cat', join(place.lightningDir, 'plugins/own'));
    const node = await startUnder(place);
    expect([...started(node, 'bcli'), ...started(node, 'again')]).toHaveLength(1);
    expect(started(node, 'own')).toHaveLength(1);
  });
});
