import { join } from 'node:path';
import { readJsonSync } from 'fs-extra/esm';
import { describe, expect, test } from 'vitest';
import {
  imageVersion,
  KNOWN_BOUNDS,
  NEWEST_MEASURED,
} from '../../../src/lightning/installation/image-version.ts';
import { programsNamedBy } from '../../../src/lightning/installation/named.ts';
import { tempDir } from '../../helpers/stand-in.ts';
import { elf, put, rodata } from './installed-tree.ts';

interface Release {
  readonly subdaemons: readonly string[];
  /** by path below the prefix */
  readonly versions: Readonly<Record<string, readonly string[]>>;
}

const fixture = join(import.meta.dirname, '../../../fixtures/core-lightning/version-strings.json');
const releases: Readonly<Record<string, Release>> = readJsonSync(fixture).releases;
const names = Object.keys(releases);

/** An image with these strings among its constants, and more in what is not loaded. */
function image(strings: readonly string[], reference: string) {
  const path = put(join(tempDir(), 'program'), elf([{ flags: 4, content: rodata(...strings) }]));
  return imageVersion(path, reference);
}

describe.each(names)('%s', version => {
  const { versions } = releases[version]!;

  test('is whole: no image of its own differs', () => {
    for (const [path, strings] of Object.entries(versions)) {
      const { agrees } = image(strings, version)!;
      expect(agrees, path).toBe(strings.length === 0 ? 'unknown' : 'yes');
    }
  });

  test.each(names.filter(other => other !== version))(
    'each image that holds a version differs from %s',
    other => {
      for (const [path, strings] of Object.entries(versions)) {
        if (strings.length > 0) expect(image(strings, other)?.agrees, path).toBe('no');
      }
    },
  );

  test('its plain name agrees with none of its images: those are of a point release, or a commit', () => {
    for (const [path, strings] of Object.entries(versions))
      if (strings.length > 0) expect(image(strings, version.slice(0, 6))?.agrees, path).toBe('no');
  });
});

test('the bounds that are known are those of the plugins of these releases', () => {
  const bounds = names.flatMap(version => {
    const next = version.startsWith('v26.06-') ? 'v26.09' : version.slice(0, 6); // each holds the next plain name
    return Object.entries(releases[version]!.versions)
      .filter(([path]) => path.includes('/plugins/'))
      .flatMap(([, strings]) => strings.filter(text => text !== version && text !== next));
  });
  expect([...new Set(bounds)].sort()).toEqual([...KNOWN_BOUNDS].sort());
  expect(NEWEST_MEASURED).toBe(
    names
      .map(name => name.slice(0, 6))
      .sort()
      .at(-1),
  );
});

test.each([
  ['v26.06', ['v26.06'], 'yes'], // alone: its own
  ['v26.06', ['v25.09', 'v26.06', 'v26.09', 'v27.03'], 'unknown'], // its own, or that of v25.09 with a bound
  ['v26.06', ['v26.06', 'v26.06.6'], 'no'],
  ['v26.09', ['v25.09', 'v25.12', 'v26.09'], 'unknown'], // pay of v25.12, which cannot be told
  ['v26.12', ['v26.12', 'v27.06'], 'unknown'], // bounds of releases to come are not known
  ['v26.03', ['v23.08', 'v26.03', 'v26.06'], 'yes'], // no plugin of a known release holds v26.03 as a bound
  ['v26.03', ['v23.08', 'v25.12', 'v26.06'], 'no'],
  ['v26.06rc2', ['v26.06', 'v26.06rc2'], 'yes'],
  ['v26.06', ['v26.06', 'v26.06rc2'], 'no'],
  ['bf4ba5e', ['bf4ba5e', 'v26.09'], 'yes'],
  ['bf4ba5e', ['af4ba5f', 'v26.09'], 'no'],
  ['v26.06', ['/build/lightning-v26.06', 'v26.09'], 'unknown'], // the end of another string
  ['v26.06', [], 'unknown'],
] as const)('%s in an image that holds %j: %s', (reference, strings, agrees) => {
  expect(image(strings, reference)?.agrees).toBe(agrees);
});

test('what is not loaded, what is no program, and what has no NUL before it is no version', () => {
  const dir = tempDir();
  const whole = elf([{ flags: 4, content: rodata('v26.06.6') }]);
  const appended = put(join(dir, 'appended'), Buffer.concat([whole, Buffer.from('\0v24.08.1\0')]));
  expect(imageVersion(appended, 'v26.06.6')?.agrees).toBe('yes');
  const written = elf([{ flags: 6, content: rodata('v24.08.1') }]);
  expect(imageVersion(put(join(dir, 'written'), written), 'v26.06')?.agrees).toBe('unknown');
  const object = Buffer.from(whole);
  object[0x10] = 1;
  expect(imageVersion(put(join(dir, 'object'), object), 'v26.06')).toBeUndefined();
  expect(imageVersion(put(join(dir, 'libx.so.1'), whole), 'v26.06')).toBeUndefined();
  expect(imageVersion(put(join(dir, 'script'), '#!/bin/sh\n\0v24.08.1\0'), 'v26.06')).toBeUndefined();
});

describe('what lightningd names', () => {
  const named = (strings: readonly string[]) =>
    programsNamedBy(put(join(tempDir(), 'lightningd'), elf([{ flags: 4, content: rodata(...strings) }])));

  test.each(names)('%s: its subdaemons', version => {
    const { subdaemons } = releases[version]!;
    expect(named([...subdaemons, 'lightning_openingd: %s', 'lightning_version TEXT);']).subdaemons).toEqual(
      subdaemons,
    );
  });

  test('plugins as tails of longer strings, and a left-over that it does not name', () => {
    const { isPlugin, isSubdaemon, missingPlugins } = named([
      'lightning_hsmd',
      'bcli',
      'cln-renepay',
      'no offers',
    ]);
    for (const name of ['bcli', 'cln-renepay', 'pay', 'offers']) expect(isPlugin(name), name).toBe(true);
    expect(isPlugin('fetchinvoice')).toBe(false);
    expect(missingPlugins(new Set())).toEqual(['bcli', 'cln-renepay', 'offers', 'pay']);
    expect(missingPlugins(new Set(['bcli', 'pay']))).toEqual(['cln-renepay', 'offers']);
    expect(isSubdaemon('lightning_gossip_compactd')).toBe(false);
    expect(isSubdaemon('lightning_dualopend')).toBe(true); // of every release
  });

  test('a script names nothing: what every release has, and any plugin but a former one', () => {
    const script = programsNamedBy(put(join(tempDir(), 'lightningd'), '#!/bin/sh\n'));
    expect(script.subdaemons).toHaveLength(7);
    expect(script.isSubdaemon('lightning_gossip_compactd')).toBe(true);
    expect([script.isPlugin('pay'), script.isPlugin('fetchinvoice')]).toEqual([true, false]);
  });
});
