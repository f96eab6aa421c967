import { expect, test } from 'vitest';
import { parseEnvironment } from '../../src/launch/environment.ts';

test('of duplicate names the first counts, as for getenv(3)', () => {
  expect(parseEnvironment(Buffer.from('A=1\0A=2\0')).A).toBe('1');
});

test('values may hold newlines and equals signs; strings that are no NAME=VALUE are left out', () => {
  const found = parseEnvironment(Buffer.from('A=x=y\nz\0nothing\0=C:=d\0\0B=\0'));
  expect({ ...found }).toEqual({ A: 'x=y\nz', B: '' });
});

test('a name of Object’s own is a name like another', () => {
  const found = parseEnvironment(Buffer.from('hasOwnProperty=1\0constructor=2\0'));
  expect([found.hasOwnProperty, found.constructor, found.toString]).toEqual(['1', '2', undefined]);
});
