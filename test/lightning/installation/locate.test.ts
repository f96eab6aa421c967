import { chmodSync, mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { describe, expect, it } from 'vitest';
import { candidatePaths, locateLightningd } from '../../../src/lightning/installation/locate.ts';
import { ORDINARY_USER } from '../../helpers/holdfast.ts';
import { asUser } from '../../helpers/running.ts';
import { tempDir } from '../../helpers/stand-in.ts';
import { put } from './installed-tree.ts';

describe('a word with a slash', () => {
  it('is joined to the working directory and not resolved', () => {
    const dir = tempDir();
    put(join(dir, 'real/lightningd'));
    symlinkSync('real', join(dir, 'link'));
    expect(locateLightningd('link/../link/lightningd', {}, dir)).toBe(`${dir}/link/../link/lightningd`);
    expect(locateLightningd('./link/lightningd', {}, dir)).toBe(`${dir}/./link/lightningd`);
    expect(locateLightningd(`${dir}/real/lightningd`, {}, '/')).toBe(`${dir}/real/lightningd`);
  });

  it.each([
    ['missing', 'none/lightningd', 'NOT_FOUND'],
    ['below a file', 'file/lightningd', 'NOT_FOUND'],
    ['a dangling link', 'dangling/../dangling', 'NOT_FOUND'],
    ['a directory', './dir', 'NOT_EXECUTABLE'],
    ['without an execute bit', './file', 'NOT_EXECUTABLE'],
  ])('that is %s says so', (_, word, code) => {
    const dir = tempDir();
    put(join(dir, 'file'), 'x', 0o644);
    mkdirSync(join(dir, 'dir'));
    symlinkSync('nothing', join(dir, 'dangling'));
    expect(() => locateLightningd(word, {}, dir)).toThrow(expect.objectContaining({ code }));
  });

  it('that means holdfast itself is refused', () => {
    const dir = tempDir();
    const self = put(join(dir, 'holdfast'));
    symlinkSync('holdfast', join(dir, 'lightningd'));
    expect(() => locateLightningd('./lightningd', {}, dir, real => real === realpathSync(self))).toThrow(
      /is holdfast itself/,
    );
  });
});

describe('a name', () => {
  it('is the first file in PATH that may be executed: directories and plain files are passed over', () => {
    const dir = tempDir();
    ensureDirSync(join(dir, 'a/lightningd'));
    put(join(dir, 'b/lightningd'), 'x', 0o644);
    put(join(dir, 'c/lightningd'));
    put(join(dir, 'd/lightningd'));
    const PATH = ['a', 'none', 'b', 'c', 'd'].map(name => join(dir, name)).join(':');
    expect(locateLightningd('lightningd', { PATH }, '/')).toBe(join(dir, 'c/lightningd'));
  });

  it('is looked for in the working directory where PATH has an empty component', () => {
    const dir = tempDir();
    put(join(dir, 'lightningd'));
    put(join(dir, 'sub/lightningd'));
    for (const PATH of ['', ':/none', '/none:', '/none::/none2'])
      expect(locateLightningd('lightningd', { PATH }, dir)).toBe(join(dir, 'lightningd'));
    expect(locateLightningd('lightningd', { PATH: 'sub' }, dir)).toBe(join(dir, 'sub/lightningd'));
  });

  it('is looked for where the C library does when PATH is not set', () => {
    expect(locateLightningd('sh', {}, '/nowhere')).toMatch(/^(\/usr)?\/bin\/sh$/);
  });

  it('that is nowhere is NOT_FOUND, naming what was searched', () => {
    expect(() => locateLightningd('lightningd', { PATH: '/none:/neither' }, '/')).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND', message: expect.stringContaining('/none:/neither') }),
    );
    expect(() => locateLightningd('', { PATH: '/usr' }, '/')).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND' }),
    );
  });

  it('that is only there without permission is NOT_EXECUTABLE, as for a shell', () => {
    const dir = tempDir();
    const path = put(join(dir, 'lightningd'));
    chmodSync(path, 0o600);
    expect(() => locateLightningd('lightningd', { PATH: `/none:${dir}` }, '/')).toThrow(
      expect.objectContaining({ code: 'NOT_EXECUTABLE', path }),
    );
  });

  it('may be in a directory of PATH that cannot be searched: nobody can say, and it is not found', () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'closed'), 0o700);
    chmodSync(join(dir, 'closed'), 0);
    const search = () => locateLightningd('lightningd', { PATH: join(dir, 'closed') }, '/');
    const found = () => expect(search).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
    if (process.geteuid?.() === 0) asUser(ORDINARY_USER, found);
    else found();
  });

  it('passes over whatever is to be skipped, and takes the next', () => {
    const dir = tempDir();
    const self = put(join(dir, 'holdfast'));
    mkdirSync(join(dir, 'a'));
    symlinkSync('../holdfast', join(dir, 'a/lightningd'));
    put(join(dir, 'b/lightningd'));
    const skip = (real: string) => real === realpathSync(self);
    expect(locateLightningd('lightningd', { PATH: `${dir}/a:${dir}/b` }, '/', skip)).toBe(
      `${dir}/b/lightningd`,
    );
    expect(() => locateLightningd('lightningd', { PATH: `${dir}/a` }, '/', skip)).toThrow(
      /no 'lightningd' other than holdfast itself/,
    );
  });
});

describe('the paths that a word may mean', () => {
  it.each([
    ['lightningd', '/usr/bin:/opt/bin', ['/usr/bin/lightningd', '/opt/bin/lightningd']],
    ['lightningd', 'bin::/opt/', ['/here/bin/lightningd', '/here/lightningd', '/opt/lightningd']],
    ['lightningd', undefined, ['/bin/lightningd', '/usr/bin/lightningd']],
    ['./lightningd', '/usr/bin', ['/here/./lightningd']],
    ['/opt/lightningd', '/usr/bin', ['/opt/lightningd']],
    ['', '/usr/bin', []],
  ])('%j in %j', (word, PATH, expected) => {
    expect(candidatePaths(word, { PATH }, '/here')).toEqual(expected);
  });
});
