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

/** All plugins that some release has built in. */
export const PLUGINS: readonly string[] = [
  'autoclean bcli bookkeeper chanbackup cln-askrene cln-bip353 cln-bwatch cln-currencyrate cln-grpc cln-lsps-client',
  'cln-lsps-service cln-renepay cln-xpay clnrest commando exposesecret fetchinvoice funder keysend offers pay',
  'recklessrpc recover spenderp sql topology txprepare wss-proxy',
].flatMap(line => line.split(' '));

/** Plugins that were built in once: what is left of them is no plugin of a later release. */
export const FORMER_PLUGINS: readonly string[] = ['fetchinvoice'];

/**
 * Subdaemons that some lightningd names though its `make install` leaves them out: that of the tree after v26.06, which
 * closes channels the older way without it. A plain start does not miss it either.
 */
export const NOT_INSTALLED: readonly string[] = ['lightning_simpleclosed'];
