/** Environments of any names and values: lightningd gets what the caller had, whatever a shell and Node make of it. */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { expectSound, tried } from '../helpers/fuzz.ts';
import { HOLDFAST } from '../helpers/holdfast.ts';
import { tempDir } from '../helpers/stand-in.ts';
import { ENDED, makeRecorder, quoted } from './installed.ts';

/** Names that mean something to a shell, the loader, Node, systemd or holdfast. */
const KNOWN = [
  ...[
    'HOME',
    'PWD',
    'OLDPWD',
    'IFS',
    'ENV',
    'BASH_ENV',
    'PS4',
    'SHELLOPTS',
    '_',
    'CDPATH',
    'SHLVL',
    'LC_ALL',
    'LANG',
    'TZ',
  ],
  ...[
    'NODE_OPTIONS',
    'NODE_PATH',
    'NODE_DEBUG',
    'NODE_EXTRA_CA_CERTS',
    'NODE_V8_COVERAGE',
    'NODE_REPL_HISTORY',
    'OPENSSL_CONF',
  ],
  ...[
    'LD_LIBRARY_PATH',
    'LD_BIND_NOW',
    'MALLOC_ARENA_MAX',
    'GLIBC_TUNABLES',
    'UV_THREADPOOL_SIZE',
    'NO_COLOR',
    'FORCE_COLOR',
  ],
  ...[
    'RUNTIME_DIRECTORY',
    'CACHE_DIRECTORY',
    'XDG_CACHE_HOME',
    'TMPDIR',
    'NOTIFY_SOCKET',
    'LISTEN_FDS',
    'LISTEN_PID',
    'JOURNAL_STREAM',
  ],
  ...[
    'a.b',
    'BASH_FUNC_f%%',
    '1x',
    ' ',
    'é',
    '-x',
    'HOLDFAST_PID',
    'HOLDFAST_',
    '__proto__',
    'constructor',
    'LIGHTNINGD',
  ],
];

const anyBytes = fc
  .array(fc.integer({ min: 1, max: 255 }), { maxLength: 20 })
  .map(codes => String.fromCharCode(...codes));
const value = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '/',
    '/nonexistent',
    '() { :; }',
    'a\nb',
    '--no-such-option',
    '\xff',
    '$HOME',
    'x'.repeat(10_000),
  ),
  anyBytes,
);
const name = fc.oneof(
  fc.constantFrom(...KNOWN),
  anyBytes
    .map(text => text.replaceAll('=', '_'))
    .filter(text => text !== '' && !/^(PATH|LD_PRELOAD|LD_AUDIT|HOLDFAST_NODE)$/.test(text)),
);

test('lightningd gets the environment of the caller, whatever is in it', () => {
  const dir = tempDir();
  const { lightningd, started } = makeRecorder(dir);
  const path = `PATH=${process.env.PATH}`;
  const environments = fc.uniqueArray(fc.tuple(name, value), { maxLength: 8, selector: ([key]) => key });
  tried(20, environments, pairs => {
    const environment = [path, ...pairs.map(pair => pair.join('='))];
    const words = [HOLDFAST, 'run', lightningd, `--lightning-dir=${dir}/node`];
    const line = ['env', '-i', '--', ...environment, ...words].map(quoted).join(' ');
    const { status, stdout, stderr } = spawnSync('sh', ['-c', 'line=$(cat); eval "$line"'], {
      input: Buffer.from(`exec ${line} </dev/null`, 'latin1'),
      encoding: 'utf8',
      timeout: 60_000,
    });
    const what = JSON.stringify(pairs);
    expectSound({ status, stdout, stderr }, [ENDED], what);
    expect(started().environment.sort(), what).toEqual(environment.sort());
  });
});
