import { describe, expect, it } from 'vitest';
import { commandLineOptions } from '../../../src/lightning/config/command-line.ts';

/** What lightningd (gather_cmdline_args) makes of a command line. */
const read = (...words: string[]) =>
  commandLineOptions(words).map(({ name, value }) => (value === undefined ? name : `${name}=${value}`));

describe('the words of a command line', () => {
  it.each<[string, string[], string[]]>([
    ['a value after =', ['--conf=a=b'], ['conf=a=b']],
    ['a value in the next word', ['--conf', 'a', '--network', 'b'], ['conf=a', 'network=b']],
    ['an empty value', ['--lightning-dir='], ['lightning-dir=']],
    ['a known option takes even a word that begins with a dash', ['--conf', '--daemon'], ['conf=--daemon']],
    ['a known option takes even --', ['--lightning-dir', '--', '--daemon'], ['lightning-dir=--', 'daemon']],
    ['a known flag takes no word', ['--testnet', 'x', '--developer', 'y'], ['testnet', 'developer']],
    ['an unknown option takes a word without a dash', ['--alias', 'me', '--daemon'], ['alias=me', 'daemon']],
    ['an unknown option leaves a word with a dash', ['--alias', '--conf=x'], ['alias', 'conf=x']],
    ['an unknown option with = takes none', ['--alias=me', 'x', '--conf=y'], ['alias=me', 'conf=y']],
    ['a word alone is passed over', ['x', '--conf=y', 'z'], ['conf=y']],
    ['-- ends the options', ['--daemon', '--', '--conf=x'], ['daemon']],
    ['a short option is its first letter', ['-V', '-hV', '-x'], ['version', 'help', '-x']],
    ['a short option swallows a word for nothing', ['-h', '--conf=x'], ['help', 'conf=x']],
    ['an abbreviated name is another name', ['--lightning=x', '--conf2=y'], ['lightning=x', 'conf2=y']],
    ['a known option at the very end has no value', ['--lightning-dir'], ['lightning-dir']],
    ['an empty word is passed over', ['', '--daemon', ''], ['daemon=']],
    ['a dash alone is an option without a name', ['-', '--daemon'], ['-', 'daemon']],
  ])('%s', (_, words, expected) => {
    expect(read(...words)).toEqual(expected);
  });
});
