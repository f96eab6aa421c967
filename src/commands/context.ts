/** What commands may know of the process around them: passed in, so that they never look at `process`. */
export interface Context {
  /** the caller's environment, the first of duplicate names */
  readonly environment: Readonly<Record<string, string>>;
  /** the working directory, absolute */
  readonly cwd: string;
  /** effective user id */
  readonly uid: number;
  readonly pid: number;
  /** holdfast's own executable, links resolved: a link named lightningd must not find itself */
  readonly self: string;
  /** something the operator should know, said even if all goes well */
  readonly warn: (message: string) => void;
  /** what is being waited for */
  readonly notice: (message: string) => void;
  /** what was done, with --verbose */
  readonly detail: (message: string) => void;
  /** one line for systemd's journal, which gets the time that the launch took; undefined where stderr leads elsewhere */
  readonly journal?: ((message: string) => void) | undefined;
}
