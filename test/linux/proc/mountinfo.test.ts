import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isBelow } from '../../../src/linux/files/path.ts';
import {
  isNoexec,
  type Mount,
  mountOf,
  parseMountinfo,
  readMounts,
} from '../../../src/linux/proc/mountinfo.ts';
import { lastingDir, noMounts, programOf, underMounts } from '../../helpers/mounts.ts';

function sample(name: string): Mount[] {
  return readMounts(join(import.meta.dirname, '../../../fixtures/mountinfo', name));
}

describe('samples', () => {
  test.each([
    ['debian', '/', '/', false],
    ['debian', '/home/alice/.lightning', '/home', true],
    ['debian', '/homes', '/', false],
    ['debian', '/var/tmp/holdfast-0', '/var/tmp', true],
    ['debian', '/var/tmpfile', '/var', false],
    ['debian', '/run/lightningd', '/run', true],
    ['debian', '/run/user/1000/x', '/run/user/1000', false],
    ['container', '/root/.lightning', '/root/.lightning', true],
    ['container', '/root/.lightning/subdaemons/0123456789abcdef', '/root/.lightning/subdaemons', false],
    ['container', '/root/.lightningd', '/', false],
    ['odd', '/home/x', '/home', true],
    ['odd', '/mnt/a b\tc\nd\\040#e/x', '/mnt/a b\tc\nd\\040#e', true],
    ['odd', '/mnt/über', '/mnt/über', true],
  ])('%s: %s is on %s', (name, path, mountPoint, noexec) => {
    const mount = mountOf(path, sample(name));
    expect(mount?.mountPoint).toBe(mountPoint);
    expect(mount !== undefined && isNoexec(mount)).toBe(noexec);
  });

  test('every line of a sample that is a mount is read, a line that is none is passed over', () => {
    expect(sample('debian')).toHaveLength(10);
    expect(sample('odd')).toHaveLength(9);
  });

  test('a mount says all that its line says', () => {
    expect(mountOf('/root/.lightning/x', sample('container'))).toEqual({
      id: 1030,
      parentId: 1021,
      device: '254:1',
      root: '/srv/node data',
      mountPoint: '/root/.lightning',
      options: ['rw', 'noexec', 'relatime'],
      tags: [],
      fsType: 'ext4',
      source: '/dev/vda1',
      superOptions: ['rw', 'discard'],
    });
    expect(mountOf('/x', sample('odd'))?.tags).toEqual(['shared:1', 'propagate_from:9', 'unbindable']);
  });

  test('an empty source and one with escapes are read as they were given to mount', () => {
    expect(mountOf('/mnt/a b\tc\nd\\040#e', sample('odd'))?.source).toBe('');
    expect(mountOf('/mnt/über', sample('odd'))).toMatchObject({
      fsType: 'fuse.sshfs',
      source: 'user@host:/ #x',
    });
  });

  test('an overmount hides what is below it, also a mount whose point is deeper', () => {
    expect(mountOf('/mnt/over/x', sample('odd'))?.source).toBe('upper');
    expect(mountOf('/mnt/hidden/deep/x', sample('odd'))?.source).toBe('lid');
  });

  test('a root that is mounted over the rootfs is the one that counts', () => {
    expect(mountOf('/etc', sample('odd'))?.fsType).toBe('btrfs');
  });
});

describe('properties', () => {
  const path = fc
    .array(fc.constantFrom('a', 'b', 'ab'), { maxLength: 4 })
    .map(parts => `/${parts.join('/')}`);

  /** The tree that the kernel would have after these mounts, in order. */
  function tree(points: readonly string[]): Mount[] {
    const mounts = parseMountinfo('1 0 0:1 / / rw - tmpfs 1 rw');
    for (const [index, point] of points.entries()) {
      const parentId = mountOf(point, mounts)!.id; // the root is always there
      mounts.push({ ...mounts[0]!, id: index + 2, parentId, mountPoint: point });
    }
    return mounts;
  }

  test('of mounts made one after the other the last one on the way counts, in whatever order they are listed', () => {
    fc.assert(
      fc.property(
        fc.array(path, { maxLength: 8 }),
        path,
        fc.infiniteStream(fc.nat()),
        (points, wanted, keys) => {
          const mounts = tree(points);
          const expected = mounts.findLast(({ mountPoint }) => isBelow(wanted, mountPoint))?.id;
          const shuffled = mounts
            .map(mount => ({ mount, key: keys.next().value }))
            .sort((a, b) => a.key - b.key);
          expect(mountOf(wanted, mounts)?.id).toBe(expected);
          expect(
            mountOf(
              wanted,
              shuffled.map(({ mount }) => mount),
            )?.id,
          ).toBe(expected);
        },
      ),
    );
  });

  test('what the kernel escapes is read back byte for byte', () => {
    const mangled = (text: string): string =>
      [...Buffer.from(text)]
        .map(byte =>
          ' \t\n\\#'.includes(String.fromCharCode(byte))
            ? `\\${byte.toString(8).padStart(3, '0')}`
            : String.fromCharCode(byte),
        )
        .join('');
    const name = fc.string({ minLength: 1, unit: 'grapheme' }).filter(text => !/[/\0]/.test(text));
    fc.assert(
      fc.property(name, name, (point, source) => {
        const text = `5 1 0:1 / /${mangled(point)} rw,noexec shared:1 - tmpfs ${mangled(source)} rw\n`;
        expect(parseMountinfo(text)).toMatchObject([{ mountPoint: `/${point}`, source }]);
      }),
    );
  });

  test('noise never throws, nor do mounts in a circle', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), text => void parseMountinfo(text)));
    const [one] = parseMountinfo('1 2 0:1 / / rw - tmpfs x rw');
    const circle = [one!, { ...one!, id: 2, parentId: 1 }];
    expect(() => mountOf('/x', circle)).not.toThrow();
  });
});

test('a missing file means that nothing is known of mounts', () => {
  expect(readMounts('/nonexistent/mountinfo')).toEqual([]);
});

test('the kernel, by mount id and by path, agrees on mounts whose points have spaces, tabs and newlines', async ctx => {
  const reason = noMounts();
  if (reason !== undefined) ctx.skip(reason);
  const program = await programOf(`
    import { openSync, realpathSync } from 'node:fs';
    import { mountOf, mountOfOpen, readMounts } from 'src/linux/proc/mountinfo.ts';
    const points = process.argv.slice(2).map(path => {
      const byId = mountOfOpen(openSync(path, 'r'), '/nonexistent');
      const byPath = mountOf(realpathSync(path), readMounts());
      return [byId.mountPoint, byId.source, byId.id === byPath.id, byId.options.includes('noexec')];
    });
    console.log(JSON.stringify(points));`);
  const directory = lastingDir();
  const odd = `${directory}/a b\tc\nd\\040#é`;
  const setup = `
    mkdir -p "$D/plain/deep" "$D/bound"
    odd=$(printf '%s/a b\\tc\\nd\\\\040#é' "$D"); mkdir -p "$odd"
    mount -t tmpfs -o noexec 'so urce' "$odd"; mkdir "$odd/in"
    mount -t tmpfs lower "$D/plain/deep"; mount -t tmpfs -o noexec lid "$D/plain"; mkdir "$D/plain/deep"
    mount --bind "$odd/in" "$D/bound"; mount -o remount,bind,exec "$D/bound"`;
  const paths = [odd, `${odd}/in`, `${directory}/plain/deep`, `${directory}/bound`];
  expect(underMounts(program, directory, setup, { args: paths })).toEqual([
    [odd, 'so urce', true, true],
    [odd, 'so urce', true, true],
    [`${directory}/plain`, 'lid', true, true],
    [`${directory}/bound`, 'so urce', true, false],
  ]);
});
