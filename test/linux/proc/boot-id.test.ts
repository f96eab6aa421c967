import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isBootIdOfContainer, kernelClockMs, readBootId } from '../../../src/linux/proc/boot-id.ts';
import { tempDir } from '../../helpers/stand-in.ts';

test('the id of this boot is a UUID, and the same each time', () => {
  expect(readBootId()).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(readBootId()).toBe(readBootId());
});

test.each([
  ['lxc\n', true],
  ['systemd-nspawn\n', true],
  ['docker\n', false],
  ['', false],
])('the id of a container of kind %j is its own: %s', (kind, own) => {
  const file = join(tempDir(), 'container');
  writeFileSync(file, kind);
  expect(isBootIdOfContainer(file)).toBe(own);
});

test('outside of containers there is no such file', () => {
  expect(isBootIdOfContainer(join(tempDir(), 'container'))).toBe(false);
});

test('the kernel clock does not go back', () => {
  const before = kernelClockMs();
  expect(before).toBeDefined();
  expect(kernelClockMs()).toBeGreaterThanOrEqual(before ?? Number.POSITIVE_INFINITY);
});
