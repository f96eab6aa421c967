/**
 * Several boots of one machine, as a snapshot sees them: each is another id mounted over the kernel's, in a mount
 * namespace of the test's own (inMountNamespace).
 */
import { inMountNamespace } from './in-namespace.ts';

/** What a launch said of itself. */
export interface Launch {
  readonly id: string;
  readonly root: string;
  readonly path: string;
  readonly reused: boolean;
  readonly placements: Readonly<Record<string, number>>;
  readonly steps: readonly { readonly step: string }[];
}

/**
 * Runs a script as root: `boot N` begins the Nth boot, `launch WORD…` is `holdfast snapshot --json WORD…`, preceded by a
 * tick of the clock of ctimes, so that nothing is in doubt only for its youth.
 */
export function throughBoots(directory: string, script: string): Launch[] {
  const prelude = `
    id=/proc/sys/kernel/random/boot_id
    boot() {
      echo "00000000-0000-4000-8000-00000000000$1" > $D/boot-$1
      ! mountpoint -q $id || umount $id
      mount --bind $D/boot-$1 $id
    }
    launch() { sleep 0.03; $HOLDFAST snapshot --json "$@"; }
    put_back() { # FILE COMMAND…: runs the command, which writes to the file, and puts size and mtime back
      touch -r "$1" $D/times; "\${@:2}"; touch -r $D/times "$1"
    }
    flip() { printf '\\176' | dd of="$1" bs=1 seek=2 conv=notrunc status=none; }`;
  return inMountNamespace<Launch>(directory, `${prelude}\n${script}`);
}

/** Was anything read or listed, or did the record alone do? */
export function wasProven({ reused, steps }: Launch): boolean {
  return reused && !steps.some(({ step }) => step === 'inspect');
}
