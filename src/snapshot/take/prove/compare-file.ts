/** One file of a snapshot against the one that it was taken from, as far as looking at both goes. Reads no content. */
import type { Directory } from '../../../linux/files/directory.ts';
import { nowNs } from '../../../linux/time.ts';
import { fileMode } from '../../../manifest/entry.ts';
import type { ManifestFile } from '../../../manifest/manifest.ts';
import { type Owners, ownersAbove } from '../../place/linkable.ts';
import { Settling } from '../../record/boot.ts';
import { agrees, fileIdentity, identityOf, isRacy } from '../../record/identity.ts';
import type { Placement } from '../../record/placement.ts';
import { isOfBoot, type RecordedFile, type SnapshotRecord } from '../../record/record.ts';
import type { ListedFile } from '../source.ts';
import type { Terms } from '../terms.ts';
import { isPlacedBy } from './by-record.ts';
import { isWellKept } from './placed-tree.ts';

/** What is wanted of a snapshot; `owner` would run from it, so that it must be his or root's. */
export type Wanted = Pick<Terms, 'owner' | 'bootId' | 'method'>;

/** A file to be hashed before it is believed. */
export interface Doubt {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** A file that agrees as far as it was looked at: what to record of it when its doubts are gone. */
export interface LookedAt {
  readonly file: RecordedFile;
  readonly doubts: readonly Doubt[];
  /** is it what was looked at still? */
  readonly isStill: () => boolean;
}

/** Looks at the files of one snapshot. */
export class FileComparison {
  readonly #snapshot: Directory;
  readonly #recorded: ReadonlyMap<string, RecordedFile>;
  readonly #wanted: Wanted;
  readonly #sameBoot: boolean;
  readonly #owners: Owners;
  readonly #isOfArchive: boolean;
  readonly settling: Settling;

  constructor(snapshot: Directory, record: SnapshotRecord, wanted: Wanted) {
    this.#snapshot = snapshot;
    this.#recorded = new Map(record.files.map(file => [file.path, file]));
    this.#wanted = wanted;
    this.#sameBoot = isOfBoot(record, wanted.bootId);
    this.#owners = ownersAbove(snapshot);
    this.#isOfArchive = record.archiveIs !== undefined;
    this.settling = new Settling(record, wanted.bootId);
  }

  /** @returns undefined where they differ in kind, size, mode or owner, or it was not placed as is wanted */
  look({ path, source, stat }: ListedFile, entry: ManifestFile): LookedAt | undefined {
    if (BigInt(entry.size) !== stat.size || entry.mode !== fileMode(stat)) return undefined;
    const placed = this.#snapshot.lstat(path);
    if (placed === undefined || !placed.isFile() || placed.size !== stat.size) return undefined;
    const isLink = placed.ino === stat.ino && placed.dev === stat.dev;
    const known = this.#recorded.get(path);
    const placement = isLink ? 'hardlink' : this.#withoutLink(known?.placement);
    if (!isPlacedBy({ path, placement }, this.#wanted.method)) return undefined;
    if (!isWellKept(placed, entry, placement, this.#owners, this.#wanted.owner)) return undefined;

    const { size, sha256 } = entry;
    const doubts: Doubt[] = [];
    const [sourceNow, placedNow] = [identityOf(stat), identityOf(placed)];
    const before = known?.source === source ? known.sourceIs : '';
    const inDoubt = !agrees(before, sourceNow, this.#sameBoot);
    if (inDoubt) doubts.push({ path: source, size, sha256 });
    const isYoung = inDoubt && isRacy(stat, nowNs());
    const sourceIs = isYoung ? '' : this.settling.identity(before, sourceNow, stat, source);
    let placedIs = sourceIs;
    const at = this.#snapshot.at(path);
    if (!isLink) {
      if (!agrees(known?.placedIs ?? '', placedNow, this.#sameBoot)) doubts.push({ path: at, size, sha256 });
      placedIs = this.settling.identity(known?.placedIs, placedNow, placed, at);
    }
    return {
      file: { path, sha256, placement, source, sourceIs, placedIs },
      doubts,
      isStill: () => (isYoung || sourceNow === fileIdentity(source)) && placedNow === fileIdentity(at),
    };
  }

  /** What was linked to a source that is another file by now, of the same content, is as good as a copy; an archive's always is another. */
  #withoutLink(placement: Placement = 'copy'): Placement {
    return placement === 'hardlink' && !this.#isOfArchive ? 'copy' : placement;
  }
}
