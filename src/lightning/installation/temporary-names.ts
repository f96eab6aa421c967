/**
 * The names under which package managers write a file before it gets its own. Pure.
 * What stays when all is done (.dpkg-old, .dpkg-dist, .pacnew, .rpmnew, .rpmsave, .apk-new) is no temporary name.
 */

/** Each with the name it stands for, where it says so. */
const FORMS: readonly RegExp[] = [
  /^(.+)\.dpkg-(?:new|tmp)$/, // dpkg's archives.c
  /^(.+);[0-9a-fA-F]{8}$/, // rpm's fsm.c
  /^(.+)#new$/, // portage's movefile(), across devices
  /^\.(.+)\._portage_merge_\.\d+$/, // portage, for hard links
  /^\.apk\.[0-9a-f]{16,}()$/, // apk's apk_db_install_file
];

/** rsync's name for what it writes, `.NAME.XXXXXX`: one only where NAME is there as well, or was a moment ago. */
const RSYNC = /^\.(.+)\.[0-9A-Za-z]{6}$/;

/**
 * The name that a temporary name stands for, '' where it does not say; undefined for a name that is none.
 * @param beside the other names in the directory
 */
export function standsFor(name: string, beside: ReadonlySet<string>): string | undefined {
  for (const form of FORMS) {
    const match = form.exec(name);
    if (match !== null) return match[1];
  }
  const [, synced] = RSYNC.exec(name) ?? [];
  return synced !== undefined && beside.has(synced) ? synced : undefined;
}
