#!/usr/bin/env bash
# What: koffi hands a JavaScript number that does not fit the C type on without its upper bits, and NaN as
#   0, without an error; a string in the same place is a TypeError. And a function that returns `long` gives a
#   number or a BigInt, as the value happens to be small or large: `===` and arithmetic that work in every
#   test fail on a large one.
# Versions: npm koffi 3.3.4
# Guess before running: what does not fit throws, as a value of the wrong type does.
# Seen: 2**32 + 5 is 5 as an int, 2**16 + 1 is 1 as a uint16_t, 2**70 is 0 as a long.
# Why it matters to somebody who links/copies/launches programs: limits, inode numbers and sizes are 64 bits
#   wide; a size handed to an `int` parameter is another size. Check ranges before the call, and pin the type
#   of what comes back.
# shellcheck source-path=SCRIPTDIR source=lib/pinned.bash
. "$(dirname "$0")/lib/pinned.bash"
npms koffi@3.3.4
cat >"$work/npm/ask.cjs" <<'END'
const koffi = require('koffi');
const libc = koffi.load('libc.so.6');
const abs = libc.func('int abs(int)');
const labs = libc.func('long labs(long)');
const htons = libc.func('uint16_t htons(uint16_t)');
try {
  const value = new Function('abs', 'labs', 'htons', `return ${process.argv[2]}`)(abs, labs, htons);
  console.log(typeof value, String(value));
} catch (error) {
  console.log(error.name);
}
END
ask() { node "$work/npm/ask.cjs" "$1"; }

seen 'abs("5")' TypeError "$(ask 'abs("5")')"
seen 'abs(2 ** 32 + 5)' 'number 5' "$(ask 'abs(2 ** 32 + 5)')"
seen 'abs(NaN)' 'number 0' "$(ask 'abs(NaN)')"
seen 'abs(-3.7)' 'number 3' "$(ask 'abs(-3.7)')"
seen 'htons(2 ** 16 + 1) === htons(1)' 'boolean true' "$(ask 'htons(2 ** 16 + 1) === htons(1)')"
seen 'labs(2n ** 70n)' 'number 0' "$(ask 'labs(2n ** 70n)')"
seen 'labs(-5n)' 'number 5' "$(ask 'labs(-5n)')"
seen 'labs(-(2n ** 60n))' 'bigint 1152921504606846976' "$(ask 'labs(-(2n ** 60n))')"
verdict
