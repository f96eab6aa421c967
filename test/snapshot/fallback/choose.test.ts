import { expect, test } from 'vitest';
import { ORDINARY_USER } from '../../helpers/holdfast.ts';
import { lastingDir, noMounts, programOf, underMounts } from '../../helpers/mounts.ts';

/** Chooses twice, the second time with a snapshot there, and tells what is in $D afterwards. */
const CHOOSE = `
  import { mkdirSync, readdirSync } from 'node:fs';
  import { chooseFallback } from 'src/snapshot/fallback/choose.ts';
  const [top, needed] = process.argv.slice(2);
  const environment = {
    RUNTIME_DIRECTORY: top + '/run', CACHE_DIRECTORY: top + '/cache', XDG_CACHE_HOME: top + '/xdg',
  };
  const choose = bytes => {
    try {
      const { origin, path, passedOver } = chooseFallback(
        '/store', { environment, uid: process.geteuid(), lightningDir: '/x' }, bytes);
      return { origin, path: path.replace(top, '$D'), passedOver: passedOver.map(p => p.reason.replaceAll(top, '$D')) };
    } catch (error) {
      return { code: error.code, details: error.details.map(line => line.replaceAll(top, '$D')) };
    }
  };
  const first = choose(BigInt(needed));
  const made = ['run', 'cache', 'xdg'].flatMap(name => readdirSync(top + '/' + name, { recursive: true }).map(p => name + '/' + p));
  console.log(JSON.stringify([first, made]));`;

const SETUP = `
  mkdir "$D/run" "$D/cache" "$D/xdg"
  mount -t tmpfs -o noexec,mode=1777 none "$D/run"
  mount -t tmpfs -o size=64k,mode=1777 none "$D/cache"
  mount -t tmpfs -o size=16m,mode=1777 none "$D/xdg"`;

test.for([
  ['root', undefined],
  ['an ordinary user', ORDINARY_USER],
] as const)(
  'the first that executes and has room is taken, the others stay untouched: as %s',
  async ([, user], ctx) => {
    const reason = noMounts();
    if (reason !== undefined) return ctx.skip(reason);
    const dir = lastingDir();
    const options = { ...(user === undefined ? {} : { user }), args: [dir, '1000000'] };
    expect(underMounts(await programOf(CHOOSE), dir, SETUP, options)).toEqual([
      {
        origin: '$XDG_CACHE_HOME',
        path: '$D/xdg/holdfast/x',
        passedOver: [
          "'$D/run' is on '$D/run', which is mounted noexec",
          "'$D/cache' has 65536 bytes free, a snapshot needs 1000000",
        ],
      },
      ['xdg/holdfast', 'xdg/holdfast/x'],
    ]);
  },
);

test('a store that holds a snapshot already is not asked for room', async ctx => {
  const reason = noMounts();
  if (reason !== undefined) return ctx.skip(reason);
  const dir = lastingDir();
  const setup = `${SETUP}\nmkdir -p -m 700 "$D/cache/holdfast" "$D/cache/holdfast/x" "$D/cache/holdfast/x/0123456789abcdef"`;
  const [choice] = underMounts(await programOf(CHOOSE), dir, setup, { args: [dir, '1000000'] }) as unknown[];
  expect(choice).toMatchObject({ origin: '$CACHE_DIRECTORY', path: '$D/cache/holdfast/x' });
});

test('where none will do, the error has a line for each with its reason', async ctx => {
  const reason = noMounts();
  if (reason !== undefined) return ctx.skip(reason);
  const dir = lastingDir();
  const setup = `${SETUP}
    mount -o remount,noexec "$D/cache"; mount -o remount,noexec "$D/xdg"
    mount -t tmpfs -o noexec,mode=755 none /var/lib`;
  const program = await programOf(CHOOSE);
  // what /var/tmp is on must stay as it is: the directories of this test are on it
  const [choice] = underMounts(program, dir, setup, { args: [dir, `${2n ** 62n}`] }) as {
    details?: string[];
  }[];
  expect(choice).toMatchObject({ code: 'NOEXEC' });
  expect(choice?.details?.map(line => line.split(':')[0])).toEqual([
    '$RUNTIME_DIRECTORY',
    '$CACHE_DIRECTORY',
    '$XDG_CACHE_HOME',
    '/var/lib/holdfast',
    '/var/tmp',
  ]);
});
