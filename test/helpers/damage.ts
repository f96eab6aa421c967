/** Any damage to a file's bytes, for fast-check: what was done, in words, and a function that does it. */
import fc from 'fast-check';

/** What somebody may have made of a file's bytes. */
export type Damage = (bytes: Buffer) => Buffer;

/** A part of a file's size: the generators do not know the file. */
const part = fc.double({ min: 0, max: 1, noNaN: true });
const at = (bytes: Buffer, where: number): number => Math.floor(where * (bytes.length - 1));

const flipped = fc.tuple(part, fc.integer({ min: 1, max: 255 })).map(([where, bits]): [string, Damage] => [
  `byte at ${where} changed by ${bits}`,
  bytes => {
    const changed = Buffer.from(bytes);
    changed[at(bytes, where)]! ^= bits;
    return changed;
  },
]);

const cut = fc
  .tuple(part, part)
  .map(([from, length]): [string, Damage] => [
    `${length} of it cut out at ${from}`,
    bytes =>
      Buffer.concat([
        bytes.subarray(0, at(bytes, from)),
        bytes.subarray(at(bytes, from) + at(bytes, length) + 1),
      ]),
  ]);

const inserted = fc
  .tuple(part, fc.uint8Array({ minLength: 1, maxLength: 64 }))
  .map(([where, more]): [string, Damage] => [
    `[${more}] put in at ${where}`,
    bytes => Buffer.concat([bytes.subarray(0, at(bytes, where)), more, bytes.subarray(at(bytes, where))]),
  ]);

const ODD = [
  null,
  true,
  -1,
  1e300,
  '',
  '/',
  '../../outside',
  'bin/lightningd',
  'a\0b',
  'é\ud800',
  'x'.repeat(5000),
  [],
  {},
  [null],
];

/** One value of a JSON file is another one: what a byte alone seldom makes of it. */
const replaced = fc.tuple(part, fc.constantFrom(...ODD)).map(([which, value]): [string, Damage] => [
  `value ${which} is ${JSON.stringify(value).slice(0, 40)}`,
  bytes => {
    const whole: unknown = JSON.parse(bytes.toString());
    const places: [Record<string, unknown>, string][] = [];
    const walk = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return;
      for (const [key, below] of Object.entries(node)) {
        places.push([node as Record<string, unknown>, key]);
        walk(below);
      }
    };
    walk(whole);
    const [node, key] = places[Math.floor(which * (places.length - 1))]!;
    node[key] = value;
    return Buffer.from(JSON.stringify(whole));
  },
]);

/** Damage to bytes of any kind. */
export const toBytes = fc.oneof(flipped, cut, inserted);

/** Damage to bytes that are JSON: a value too may be another one. */
export const toJson = fc.oneof(toBytes, replaced);
