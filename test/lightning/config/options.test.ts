import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HoldfastError } from '../../../src/errors.ts';
import {
  absoluteLightningDirArgs,
  readLightningOptions,
  readNodeOptions,
} from '../../../src/lightning/config/options.ts';
import { tempDir } from '../../helpers/stand-in.ts';
import { put } from '../installation/installed-tree.ts';

const SAMPLES = join(import.meta.dirname, '../../../fixtures/config');
const NOWHERE = { cwd: '/nowhere/cwd', home: '/nowhere/home' };
const words = (...args: string[]) => args.map(arg => Buffer.from(arg));
const read = (args: string[], context: { cwd: string; home: string | undefined } = NOWHERE) =>
  readLightningOptions(words(...args), context);

describe('the lightning-dir', () => {
  it.each<[string, string[], string]>([
    ['is .lightning at home by default', [], '/nowhere/home/.lightning'],
    ['may follow =', ['--lightning-dir=/a'], '/a'],
    ['may be a word of its own', ['--lightning-dir', '/a'], '/a'],
    ['is relative to the working directory', ['--lightning-dir=a/../b'], '/nowhere/cwd/a/../b'],
    ['is the working directory when empty', ['--lightning-dir='], '/nowhere/cwd'],
    ['is the last that is given', ['--lightning-dir=/a', '--lightning-dir', '/b'], '/b'],
    ['loses space at its end only', ['--lightning-dir= /a \t'], '/nowhere/cwd/ /a'],
    ['loses slashes at its end', ['--lightning-dir=/a//'], '/a'],
    ['may be /', ['--lightning-dir=/'], '/'],
    ['is not read after --', ['--', '--lightning-dir=/a'], '/nowhere/home/.lightning'],
    [
      'is not read where it is the value of another option',
      ['--rpc-file', '--lightning-dir=/a'],
      '/nowhere/home/.lightning',
    ],
    ['may stand after a word that lightningd will refuse', ['what', '--lightning-dir=/a'], '/a'],
    ['without a value is left for lightningd to refuse', ['--lightning-dir'], '/nowhere/home/.lightning'],
    ['has no abbreviation', ['--lightning=/a'], '/nowhere/home/.lightning'],
  ])('%s', (_, args, expected) => {
    expect(read(args).lightningDir).toBe(expected);
  });

  it('is the working directory where HOME is not set, and below it where HOME is empty', () => {
    expect(read([], { cwd: '/w', home: undefined }).lightningDir).toBe('/w');
    expect(read([], { cwd: '/w', home: '' }).lightningDir).toBe('/w/.lightning');
  });

  it('that is not UTF-8 is refused with its bytes shown', () => {
    const args = [Buffer.from('--lightning-dir=/caf\xe9', 'latin1')];
    expect(() => readLightningOptions(args, NOWHERE)).toThrow(/the lightning-dir '\/caf\\xe9' is not UTF-8/);
  });

  it('in a --conf file counts, relative to the working directory, and the command line wins', () => {
    const dir = tempDir();
    put(join(dir, 'etc/conf'), 'lightning-dir=data  \n');
    const context = { cwd: dir, home: '/nowhere' };
    expect(read(['--conf', 'etc/conf'], context).lightningDir).toBe(join(dir, 'data'));
    expect(read(['--lightning-dir=x', '--conf=etc/conf'], context).lightningDir).toBe(join(dir, 'x'));
  });

  it('in a default configuration file is left for lightningd to refuse', () => {
    const dir = tempDir();
    put(join(dir, 'config'), 'lightning-dir=/elsewhere\nconf=/elsewhere\n');
    expect(read([`--lightning-dir=${dir}`]).lightningDir).toBe(dir);
  });
});

describe('the network', () => {
  it.each<[string, string[], string]>([
    ['is bitcoin by default', [], 'bitcoin'],
    ['may follow =', ['--network=regtest'], 'regtest'],
    ['may be a word of its own', ['--network', 'signet'], 'signet'],
    ['mainnet means bitcoin', ['--testnet', '--mainnet'], 'bitcoin'],
    ['testnet has an alias', ['--testnet'], 'testnet'],
    ['testnet4 has an alias', ['--testnet4'], 'testnet4'],
    ['signet has an alias', ['--signet'], 'signet'],
    ['regtest has an alias', ['--regtest'], 'regtest'],
    ['may be one that only lightningd knows', ['--network=liquid-regtest'], 'liquid-regtest'],
    ['that leads elsewhere is left for lightningd to refuse', ['--network=../x'], 'bitcoin'],
    ['an alias with a value is left for lightningd to refuse', ['--regtest=1'], 'bitcoin'],
  ])('%s', (_, args, expected) => {
    expect(read(args).network).toBe(expected);
  });

  it('in <lightning-dir>/config chooses the second file; there none is permitted', () => {
    const dir = join(SAMPLES, 'include');
    const options = read([`--lightning-dir=${dir}`]);
    expect(options).toMatchObject({ network: 'regtest', lightningDir: dir });
    expect(options.pidFile).toBe(join(dir, 'regtest/own.pid'));
    expect(options.configFiles).toEqual(
      [
        'include/config',
        'include/../common.conf',
        'include/../include/more.conf',
        'include/regtest/config',
      ].map(name => `${SAMPLES}/${name}`),
    );
  });

  it('on the command line wins, and chooses the second file', () => {
    const dir = join(SAMPLES, 'include');
    const options = read([`--lightning-dir=${dir}`, '--mainnet']);
    expect([options.network, options.pidFile]).toEqual(['bitcoin', join(dir, 'bitcoin/never.read')]);
  });
});

describe('the configuration files', () => {
  it('with --conf are that one alone, read as lightningd reads it', () => {
    const conf = join(SAMPLES, 'lightningd.conf');
    expect(read(['--conf', conf])).toEqual({
      lightningDir: '/var/lib/lightningd',
      network: 'signet',
      configFiles: [conf],
      missingConf: undefined,
      pidFile: '/var/lib/lightningd/signet/lightningd.pid',
      daemon: true,
      plugins: ['/usr/local/libexec/rebalance.py', '/var/lib/lightningd/signet/backup/backup.py'],
      pluginDirs: ['/srv/plugins'],
      subdaemons: [{ name: 'hsmd', path: '/usr/local/bin/remote_hsmd' }],
      rpcFile: undefined,
      bitcoinCli: 'bitcoin-cli',
      answersOnly: false,
      unreadable: [],
      aboutPrograms: [
        ['plugin', '/usr/local/libexec/rebalance.py', 10],
        ['important-plugin', 'backup/backup.py', 11],
        ['plugin-dir', '/srv/plugins', 12],
        ['subdaemon', 'hsmd:/usr/local/bin/remote_hsmd', 13],
      ].map(([name, value, line]) => ({ name, value, at: { file: conf, line }, word: undefined })),
    });
  });

  it('may have CRLF line ends', () => {
    const options = read([`--conf=${SAMPLES}/crlf.conf`]);
    expect(options).toMatchObject({ lightningDir: '/srv/crlf', network: 'regtest', daemon: true });
    expect(options.pidFile).toBe('/srv/crlf/regtest/crlf.pid');
  });

  it('may be missing by default; a missing --conf is said, and left for lightningd to refuse', () => {
    const dir = tempDir();
    expect(read([`--lightning-dir=${dir}`])).toMatchObject({ configFiles: [], missingConf: undefined });
    const options = read(['--conf=/nowhere/conf', `--lightning-dir=${dir}`]);
    expect(options).toMatchObject({ missingConf: '/nowhere/conf', lightningDir: dir, configFiles: [] });
  });

  it('that cannot be read are an error', () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'config'));
    expect(() => read([`--lightning-dir=${dir}`])).toThrow(expect.objectContaining({ code: 'CONFIG' }));
  });
});

describe('what else is known', () => {
  it('plugins are those that no later word undoes', () => {
    const args = [
      '--plugin=/a',
      '--clear-plugins',
      '--plugin=/b/x',
      '--plugin',
      '/c/y',
      '--disable-plugin=y',
    ];
    expect(read(args).plugins).toEqual(['/b/x']);
  });

  it('the last subdaemon of a name counts, and one without a colon is lightningd to refuse', () => {
    const args = ['--subdaemon=hsmd:a', '--subdaemon', 'hsmd:b:c', '--subdaemon=channeld'];
    expect(read(args).subdaemons).toEqual([{ name: 'hsmd', path: 'b:c' }]);
  });

  it('the pid file lies in the lightning-dir by default, and else where its path leads from the network directory', () => {
    expect(read(['--lightning-dir=/l', '--regtest']).pidFile).toBe('/l/lightningd-regtest.pid');
    expect(read(['--lightning-dir=/l', '--pid-file', 'p']).pidFile).toBe('/l/bitcoin/p');
    expect(read(['--lightning-dir=/l', '--pid-file=/run/p']).pidFile).toBe('/run/p');
  });

  it.each(['--version', '-V', '--help', '-h', '--list-features-only', '--test-daemons-only'])(
    '%s asks for an answer only, and no file is read for it',
    word => {
      const dir = tempDir();
      mkdirSync(join(dir, 'config'));
      const options = read(['--daemon', word, `--lightning-dir=${dir}`]);
      expect(options).toMatchObject({ answersOnly: true, lightningDir: dir, configFiles: [] });
    },
  );

  it('an answer asked for after -- or as a value is none', () => {
    expect(read(['--alias', 'help', '--conf=--version', '--', '--version']).answersOnly).toBe(false);
  });

  it('other commands give the three as values, whatever these look like', () => {
    const dir = join(tempDir(), '--version');
    const none = { lightningDir: undefined, network: undefined, conf: undefined };
    const asNode = (values: Partial<Record<keyof typeof none, string>>) =>
      readNodeOptions({ ...none, ...values }, NOWHERE, 'configuration');
    expect(asNode({ lightningDir: dir, network: 'regtest' })).toMatchObject({
      lightningDir: dir,
      network: 'regtest',
      answersOnly: false,
    });
    expect(asNode({}).lightningDir).toBe('/nowhere/home/.lightning');
    expect(asNode({ conf: join(SAMPLES, 'crlf.conf') }).network).toBe('regtest');
  });

  it("a command that needs only the lightning-dir leaves the node's own configuration alone", () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'config')); // could not be read
    const values = { lightningDir: dir, network: 'regtest', conf: undefined };
    expect(readNodeOptions(values, NOWHERE, 'only --conf')).toMatchObject({
      lightningDir: dir,
      network: 'regtest',
    });
    const conf = join(SAMPLES, 'crlf.conf');
    expect(readNodeOptions({ ...values, network: undefined, conf }, NOWHERE, 'only --conf').network).toBe(
      'regtest',
    );
  });
});

describe('the words for the new process', () => {
  const absolute = (...args: string[]) =>
    absoluteLightningDirArgs(words(...args), '/w').map(arg => arg.toString());

  it.each<[string, string[], string[]]>([
    ['have an absolute directory after =', ['--lightning-dir=a/b'], ['--lightning-dir=/w/a/b']],
    ['have an absolute directory in its own word', ['--lightning-dir', 'a'], ['--lightning-dir', '/w/a']],
    [
      'keep an absolute one',
      ['--lightning-dir=/a', '--lightning-dir', '/b'],
      ['--lightning-dir=/a', '--lightning-dir', '/b'],
    ],
    [
      'have every one of several changed',
      ['--lightning-dir=a', '--lightning-dir=b'],
      ['--lightning-dir=/w/a', '--lightning-dir=/w/b'],
    ],
    ['keep the space that lightningd will trim', ['--lightning-dir=a '], ['--lightning-dir=/w/a ']],
    ['keep what only looks like it', ['--', '--lightning-dir=a'], ['--', '--lightning-dir=a']],
    ['keep what is the value of another', ['--conf', '--lightning-dir=a'], ['--conf', '--lightning-dir=a']],
    ['keep a relative --conf', ['--conf=a', '--rgb', '001122'], ['--conf=a', '--rgb', '001122']],
  ])('%s', (_, args, expected) => {
    expect(absolute(...args)).toEqual(expected);
  });

  it('are the same bytes but for that, whatever they are', () => {
    const arg = fc.oneof(
      fc
        .constantFrom('--', '--conf', '--network=x', '--lightning-dir=/a', '-V', '')
        .map(text => Buffer.from(text)),
      fc.uint8Array({ maxLength: 20 }).map(bytes => Buffer.from(bytes.filter(byte => byte !== 0))),
    );
    fc.assert(
      fc.property(fc.array(arg), args => {
        expect(absoluteLightningDirArgs(args, '/w')).toEqual(args);
      }),
    );
  });

  it('lead to the same lightning-dir, from wherever they are read again', () => {
    const dirWord = fc.tuple(fc.stringMatching(/^[a-z./ ]{0,12}$/), fc.boolean());
    const noise = fc.constantFrom(
      ['--daemon'],
      ['--alias', 'x'],
      ['word'],
      ['--rpc-file', '-'],
      ['--regtest'],
    );
    const line = fc.array(
      fc.oneof(
        noise,
        dirWord.map(([dir, own]) => (own ? ['--lightning-dir', dir] : [`--lightning-dir=${dir}`])),
      ),
    );
    fc.assert(
      fc.property(line, parts => {
        const args = words(...parts.flat(), '--lightning-dir=last');
        const there = absoluteLightningDirArgs(args, '/nowhere/cwd');
        const again = readLightningOptions(there, { cwd: '/other', home: '/other/home' });
        expect(again.lightningDir).toBe(readLightningOptions(args, NOWHERE).lightningDir);
      }),
    );
  });
});

it('whatever is on the command line and in the files, there are options or a HoldfastError', () => {
  const dir = tempDir();
  const name = fc.constantFrom(
    'lightning-dir',
    'network',
    'conf',
    'regtest',
    'plugin',
    'subdaemon',
    'pid-file',
    'x',
  );
  const value = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom(dir, `${dir}/config`, '..', '/proc/self'),
  );
  const text = fc.oneof(
    name,
    fc.tuple(name, value).map(([n, v]) => `${n}=${v}`),
    value,
  );
  fc.assert(
    fc.property(fc.array(text), fc.array(fc.tuple(fc.boolean(), text)), (lines, args) => {
      put(join(dir, 'config'), lines.join('\n'));
      const given = args.map(([dashes, word]) =>
        Buffer.from((dashes ? `--${word}` : word).replaceAll('\0', '')),
      );
      try {
        const options = readLightningOptions(given, { cwd: dir, home: dir });
        expect(options.lightningDir.startsWith('/')).toBe(true);
        expect(options.network).toMatch(/^[\w-]+$/);
      } catch (error) {
        if (!(error instanceof HoldfastError)) throw error;
      }
    }),
  );
});

it.for([
  ['bitcoin-cli', 'bitcoin-cli'],
  ['/opt/bitcoin/bin/bitcoin-cli', '/opt/bitcoin/bin/bitcoin-cli'],
  ['../bitcoin-cli', '/home/user/.lightning/bitcoin/../bitcoin-cli'],
] as const)('bcli asks through --bitcoin-cli=%s, looked for where lightningd works', ([value, expected]) => {
  const args = [Buffer.from(`--bitcoin-cli=${value}`)];
  expect(readLightningOptions(args, { cwd: '/', home: '/home/user' }).bitcoinCli).toBe(expected);
});
