import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HoldfastError } from '../../../src/errors.ts';
import { byteString } from '../../../src/lightning/config/byte-string.ts';
import {
  type ConfigLine,
  MAX_CONFIG_BYTES,
  readConfigFile,
} from '../../../src/lightning/config/config-file.ts';
import { tempDir } from '../../helpers/stand-in.ts';
import { put } from '../installation/installed-tree.ts';

function read(path: string): { lines: ConfigLine[]; files: readonly string[] | undefined } {
  const lines: ConfigLine[] = [];
  const files = readConfigFile(byteString(path), line => lines.push(line));
  if (files instanceof HoldfastError) throw files;
  return { lines, files };
}

/** The texts of the lines of a file with this content. */
function linesOf(content: string | Buffer): string[] {
  return read(put(join(tempDir(), 'config'), content)).lines.map(line => line.text);
}

describe('the lines of a configuration file', () => {
  it.each<[string, string, string[]]>([
    ['are its lines but for comments and empty ones', '# c\na=1\n\n#b=2\nflag\n', ['a=1', 'flag']],
    ['may end in CRLF, in CR, and not at all', 'a=1\r\nb=2\rc=3', ['a=1', 'b=2', 'c=3']],
    [
      'keep their spaces: no name begins with one',
      ' a=1\n\t# no comment\n b \n',
      [' a=1', '\t# no comment', ' b '],
    ],
    ['end with the first NUL', 'a=1\nb=2\0c\nd=4\n', ['a=1', 'b=2']],
    [
      'are whatever has no include and one space in front',
      'include\nincluded x\ninclude\tx\n',
      ['include', 'included x', 'include\tx'],
    ],
    ['are none in an empty file', '', []],
  ])('%s', (_, content, expected) => {
    expect(linesOf(content)).toEqual(expected);
  });

  it('keep bytes that are not UTF-8', () => {
    expect(linesOf(Buffer.from('lightning-dir=/caf\xe9\n', 'latin1'))).toEqual(['lightning-dir=/caf\xe9']);
  });

  it('know their file and number, CRLF counting once, and those of an include stand in its place', () => {
    const dir = tempDir();
    const more = put(join(dir, 'sub/more'), 'include deep/est\nm=2\n');
    const deepest = put(join(dir, 'sub/deep/est'), '\n\nd=3');
    const top = put(join(dir, 'config'), '# x\r\na=1\r\n\r\ninclude sub/more\r\nz=9\r\n');
    expect(read(top)).toEqual({
      files: [top, more, deepest],
      lines: [
        { text: 'a=1', file: top, line: 2 },
        { text: 'd=3', file: deepest, line: 3 },
        { text: 'm=2', file: more, line: 2 },
        { text: 'z=9', file: top, line: 5 },
      ],
    });
  });

  it('are none when the file is missing, or its directory, or that is a file', () => {
    const dir = tempDir();
    put(join(dir, 'file'));
    for (const path of ['none', 'none/config', 'file/config'])
      expect(read(join(dir, path)).files).toBeUndefined();
  });

  it('are none in /dev/null', () => {
    expect(read('/dev/null')).toEqual({ lines: [], files: ['/dev/null'] });
  });

  it('may be included from the same file twice, if not by itself', () => {
    const dir = tempDir();
    put(join(dir, 'more'), 'm=1\n');
    expect(read(put(join(dir, 'config'), 'include more\ninclude more\n')).lines).toHaveLength(2);
  });
});

describe('a file that cannot be read is an error with file and line', () => {
  const cases: readonly [string, (dir: string) => void, RegExp][] = [
    [
      'an include of nothing',
      dir => put(join(dir, 'config'), 'a\n\ninclude none'),
      /config' line 3: .*none'.*ENOENT/,
    ],
    ['an include without a name', dir => put(join(dir, 'config'), '\ninclude '), /config' line 2: .*EISDIR/],
    ['a directory', dir => mkdirSync(join(dir, 'config')), /config': it is a directory/],
    ['a FIFO', dir => execFileSync('mkfifo', [join(dir, 'config')]), /config': it is no regular file/],
    [
      'an include of itself',
      dir => put(join(dir, 'config'), 'include config'),
      /config' line 1: .*includes itself/,
    ],
    [
      'a loop of two',
      dir => {
        put(join(dir, 'config'), 'a\ninclude b');
        put(join(dir, 'b'), 'include config');
      },
      /b' line 1: .*config': it includes itself/,
    ],
    [
      'a loop by ever new names',
      dir => put(join(dir, 'config'), 'include ./config'),
      /line 1: .*nested deeper than 100/,
    ],
    [
      'includes that multiply',
      dir => {
        for (let i = 0; i < 40; i++) put(join(dir, `f${i}`), `include f${i + 1}\ninclude f${i + 1}\n`);
        put(join(dir, 'f40'), '');
        put(join(dir, 'config'), 'include f0');
      },
      /line [12]: .*more than 1000 files/,
    ],
    [
      'too large a file',
      dir => put(join(dir, 'config'), Buffer.alloc(MAX_CONFIG_BYTES + 1, '#')),
      /more than \d+ bytes/,
    ],
  ];

  it.each(cases)('%s', (_, spoil, message) => {
    const dir = tempDir();
    spoil(dir);
    expect(() => read(join(dir, 'config'))).toThrow(
      expect.objectContaining({ code: 'CONFIG', message: expect.stringMatching(message) }),
    );
  });

  it('one without permission', ctx => {
    if (process.getuid?.() === 0) ctx.skip('root may read every file');
    const path = put(join(tempDir(), 'config'));
    chmodSync(path, 0);
    expect(() => read(path)).toThrow(expect.objectContaining({ code: 'CONFIG', errno: 'EACCES', path }));
  });
});

describe('whatever is in a file', () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/).filter(text => text !== 'include');

  it('the options that were written are the options that are read, in order', () => {
    const path = join(tempDir(), 'config');
    const option = fc.tuple(
      word,
      fc.option(fc.stringMatching(/^[^\0\r\n]{0,30}$/)),
      fc.constantFrom('\n', '\r\n', '\n\n', '\n# x\n'),
    );
    fc.assert(
      fc.property(fc.array(option), options => {
        const texts = options.map(([name, value]) => (value === null ? name : `${name}=${value}`));
        put(path, texts.map((text, i) => text + options[i]?.[2]).join(''));
        expect(read(path).lines.map(line => line.text)).toEqual(texts.map(byteString));
      }),
    );
  });

  it('reading it gives lines or a HoldfastError, nothing else', () => {
    const path = join(tempDir(), 'config');
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes)),
      fc
        .constantFrom('include ', 'include config', 'include .', '\n', '\r', '#', '=', '\0')
        .map(text => Buffer.from(text)),
    );
    fc.assert(
      fc.property(fc.array(piece), pieces => {
        put(path, Buffer.concat(pieces));
        try {
          for (const { text } of read(path).lines) expect(text).not.toMatch(/[\r\n]|^$|^#/);
        } catch (error) {
          if (!(error instanceof HoldfastError)) throw error;
          expect(error.code).toBe('CONFIG');
        }
      }),
    );
  });
});
