import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseProcMount, visibilityLimits } from '../../../src/linux/proc/visibility.ts';

describe('parseProcMount', () => {
  const mounts = (options: string) => `sysfs /sys sysfs rw 0 0\nproc /proc proc ${options} 0 0\n`;

  test.each([
    ['rw,relatime', { hidepid: 0, gid: 0, subset: false }],
    ['rw,hidepid=2', { hidepid: 2, gid: 0, subset: false }],
    ['rw,hidepid=invisible,gid=27', { hidepid: 2, gid: 27, subset: false }],
    ['rw,hidepid=noaccess', { hidepid: 1, gid: 0, subset: false }],
    ['rw,hidepid=ptraceable,subset=pid', { hidepid: 4, gid: 0, subset: true }],
  ] as const)('%s', (options, expected) => {
    expect(parseProcMount(mounts(options))).toEqual(expected);
  });

  test('a mode of hidepid that we do not know is not taken for none', () => {
    expect(parseProcMount(mounts('rw,hidepid=5'))).toBeUndefined();
  });

  test('the mount that covers the others counts', () => {
    expect(parseProcMount(`${mounts('rw')}${mounts('rw,hidepid=2')}`)).toMatchObject({ hidepid: 2 });
  });

  test('never throws', () => {
    fc.assert(fc.property(fc.string(), text => void parseProcMount(text)));
  });
});

test('a directory that is no proc file system hides who knows what', () => {
  expect(visibilityLimits('/nonexistent').map(limit => limit.kind)).toEqual(['unknown', 'pid-namespace']);
});
