import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCgroup, serviceOf } from '../../../src/linux/proc/cgroup.ts';

const SAMPLES: readonly [what: string, text: string, name: string | undefined, userManager?: number][] = [
  ['a system service, unified', '0::/system.slice/lightningd.service\n', 'lightningd.service'],
  [
    'an instance of a template in its slice',
    '0::/system.slice/system-lightningd.slice/lightningd@alice.service\n',
    'lightningd@alice.service',
  ],
  [
    'a service with groups of its own below',
    '0::/system.slice/lightningd.service/payload/x\n',
    'lightningd.service',
  ],
  ['a service in a slice of the operator', '0::/bitcoin.slice/bitcoin-ln.slice/ln.service\n', 'ln.service'],
  ['a name that systemd had to escape', '0::/system.slice/_cpu.service\n', 'cpu.service'],
  ['a name with escapes of its own', '0::/system.slice/ln\\x2dmain.service\n', 'ln\\x2dmain.service'],
  [
    'cgroup v1',
    '12:cpu,cpuacct:/system.slice/other.service\n1:name=systemd:/system.slice/lightningd.service\n',
    'lightningd.service',
  ],
  ['hybrid, with the unified hierarchy empty', '1:name=systemd:/system.slice/a.service\n0::/\n', 'a.service'],
  ['hybrid, with the named hierarchy empty', '1:name=systemd:/\n0::/system.slice/a.service\n', 'a.service'],
  [
    "a user's service",
    '0::/user.slice/user-1000.slice/user@1000.service/app.slice/lightningd.service\n',
    'lightningd.service',
    1000,
  ],
  [
    "a user's service before app.slice",
    '0::/user.slice/user-7.slice/user@7.service/ln.service\n',
    'ln.service',
    7,
  ],
  ["a user's manager itself", '0::/user.slice/user-1000.slice/user@1000.service/init.scope\n', undefined],
  [
    "a user's terminal",
    '0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-foot-3.scope\n',
    undefined,
  ],
  ['a login session', '0::/user.slice/user-1000.slice/session-3.scope\n', undefined],
  ['a container', '0::/system.slice/docker-0123abc.scope\n', undefined],
  ['the root', '0::/\n', undefined],
  ['outside our cgroup namespace', '0::/../../system.slice/lightningd.service\n', 'lightningd.service'],
  ['a removed group', '0::/system.slice/lightningd.service (deleted)\n', 'lightningd.service'],
  ['a colon in the path', '0::/system.slice/a:b.service\n', 'a:b.service'],
  ['a directory that only looks like a unit', '0::/system.slice/a b.service\n', undefined],
  ['nothing', '', undefined],
];

describe('parseCgroup', () => {
  test.each(SAMPLES)('%s', (_what, text, name, userManager) => {
    expect(parseCgroup(text)).toEqual(name === undefined ? undefined : { name, userManager });
  });

  test('whatever it reads, it never throws, and a name is one that systemctl takes', () => {
    const part = fc.constantFrom(
      'system.slice',
      'a.slice',
      'x.service',
      'user@1.service',
      '..',
      '_a.service',
      '-.slice',
      '$(x).service',
      's.scope',
    );
    fc.assert(
      fc.property(fc.array(part), parts => {
        const found = parseCgroup(`0::/${parts.join('/')}\n`);
        if (found !== undefined) expect(found.name).toMatch(/^[\w:.\\@-]+\.service$/);
      }),
    );
    fc.assert(fc.property(fc.string(), text => void parseCgroup(text)));
  });
});

test('a process that is gone is in no service', () => {
  expect(serviceOf(2 ** 22 + 1)).toBeUndefined();
});
