import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hintsOf } from '../../src/cli/remedies.ts';
import { errnoWords, HoldfastError } from '../../src/errors.ts';
import { holdfast } from '../helpers/holdfast.ts';
import { tempDir } from '../helpers/stand-in.ts';

test('the hint of whoever raised an error stands; else there is one for its kind', () => {
  const facts = { errno: 'EACCES' };
  expect(hintsOf(new HoldfastError('SYSTEM', 'x', { ...facts, hint: 'do this' }), 'run')).toEqual([
    'do this',
  ]);
  expect(hintsOf(new HoldfastError('SYSTEM', 'x', facts), 'run')).toEqual([
    expect.stringContaining('runuser'),
  ]);
  expect(hintsOf(new HoldfastError('NOT_EXECUTABLE', 'x', facts), 'run')).toEqual([
    expect.stringContaining('noexec'),
  ]);
  expect(hintsOf(new HoldfastError('SYSTEM', 'x', { errno: 'EXDEV' }), 'run')).toEqual([]);
});

test.each([
  [['run', './none', '--settle=0']],
  [['run', '--settle=0', '/etc/passwd']],
  [['snapshot', '--settle=0', '/etc']],
  [['root', '/none']],
  [['verify', '/none']],
  [['verify', '']],
  [['prove', '/none']],
  [['export', '/none', 'x.tar.gz']],
  [['status', '--conf=/none']],
  [['status', '--lightning-dir=/none']],
  [['status', '--json', '--openmetrics']],
  [['run', '--method=foo']],
  [['run', '--libraries=foo']],
  [['run', '--settle=foo']],
  [['run', '--sha256=foo', '--from=x']],
  [['run', '--from=/none.tar.gz']],
  [['run', '--confine=foo']],
  [['run', '--on-upgrade=foo']],
  [['run', '--on-upgrade=restart', '--restart-window=foo']],
  [['run', '--graceful=5']],
  [['run', '--allow-exec=/x']],
  [['run', '--or-plain', '--use=current']],
  [['root']],
  [['nonsense']],
  [['status', '--bogus']],
])('%j says what to do about it', words => {
  const { stderr } = holdfast(words, { cwd: tempDir() });
  expect(stderr).toMatch(/^holdfast: hint: ./m);
});

test('a file system that cannot is no socket', () => {
  const error = Object.assign(new Error('ENOTSUP: operation not supported on socket, ioctl'), {
    code: 'ENOTSUP',
  });
  expect(errnoWords(error)).toBe('operation not supported (ENOTSUP)');
});

test('what another program says in several lines has our name before each', () => {
  const dir = tempDir();
  writeFileSync(join(dir, 'systemctl'), '#!/bin/sh\nprintf "first\\nsecond\\n" >&2\nexit 1\n', {
    mode: 0o755,
  });
  const env = { ...process.env, PATH: `${dir}:${process.env.PATH}` };
  const { stderr } = holdfast(['adopt', '--print', 'x.service'], { env });
  expect(stderr).toContain('first\nholdfast: second\n');
  for (const line of stderr.trimEnd().split('\n')) expect(line).toMatch(/^holdfast: /);
});
