/** marked-man has no types of its own: an extension of marked that writes roff. */
declare module 'marked-man' {
  import type { MarkedExtension } from 'marked';

  const extension: MarkedExtension;
  export default extension;
}
