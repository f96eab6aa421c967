import { expect, test } from 'vitest';
import { withLibraryPath } from '../../src/launch/library-path.ts';

function put(...strings: string[]): string[] {
  const block = strings.map(string => Buffer.from(string, 'latin1'));
  return withLibraryPath(block, '$ORIGIN/.libraries').map(string => string.toString('latin1'));
}

test('where the caller has no LD_LIBRARY_PATH, it comes behind all that he has', () => {
  expect(put()).toEqual(['LD_LIBRARY_PATH=$ORIGIN/.libraries']);
  expect(put('A=1', 'ld_library_path=x')).toEqual([
    'A=1',
    'ld_library_path=x',
    'LD_LIBRARY_PATH=$ORIGIN/.libraries',
  ]);
});

test('the caller’s own value follows, byte for byte', () => {
  expect(put('A=1', 'LD_LIBRARY_PATH=/\xff/lib:', 'B=2')).toEqual([
    'A=1',
    'LD_LIBRARY_PATH=$ORIGIN/.libraries:/\xff/lib:',
    'B=2',
  ]);
});

test('an empty value adds no empty item, which would be the working directory', () => {
  expect(put('LD_LIBRARY_PATH=')).toEqual(['LD_LIBRARY_PATH=$ORIGIN/.libraries']);
});

test('of duplicates each gets it: the loader takes the last, getenv(3) the first', () => {
  expect(put('LD_LIBRARY_PATH=/a', 'LD_LIBRARY_PATH=/b')).toEqual([
    'LD_LIBRARY_PATH=$ORIGIN/.libraries:/a',
    'LD_LIBRARY_PATH=$ORIGIN/.libraries:/b',
  ]);
});
