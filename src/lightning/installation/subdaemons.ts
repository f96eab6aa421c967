/** Names of Core Lightning's programs. Pure. */

/**
 * The subdaemons that every release since 0.9 has, and by which lightningd tells that it runs in a build tree
 * (`subdaemons[]` and has_all_subdaemons() in lightningd/lightningd.c). Newer releases have more
 * (lightning_gossip_compactd), some are never asked for (lightning_dualopend, lightning_websocketd).
 */
export const SUBDAEMONS: readonly string[] = [
  'lightning_channeld',
  'lightning_closingd',
  'lightning_connectd',
  'lightning_gossipd',
  'lightning_hsmd',
  'lightning_onchaind',
  'lightning_openingd',
];

/** Programs that are installed beside lightningd; any may be missing (an old release, a split package). */
export const COMPANIONS: readonly string[] = ['lightning-cli', 'lightning-hsmtool', 'reckless'];

/** Built-in plugins, by which a plugin directory is known whatever its name: some release has each of these. */
export const BUILTIN_PLUGINS: readonly string[] = [
  'bcli',
  'pay',
  'topology',
  'autoclean',
  'chanbackup',
  'txprepare',
];
