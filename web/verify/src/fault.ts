/** The codes of the specification's table, and two of our own: `ok` and `unsupported`. */
export type Code =
  | "ok"
  | "malformed"
  | "other_log"
  | "log_signature"
  | "cosignature"
  | "quorum"
  | "stale"
  | "not_last"
  | "head"
  | "inclusion"
  | "order"
  | "map"
  | "row"
  | "gate"
  | "notice"
  | "shrunk"
  | "unsupported";

/** The first fault ends the check. It travels as an exception and never leaves this module. */
export class Fault extends Error {
  constructor(
    readonly code: Exclude<Code, "ok">,
    readonly at: string,
  ) {
    super();
  }
}

export function must(good: boolean, code: Exclude<Code, "ok">, at = ""): asserts good {
  if (!good) throw new Fault(code, at);
}

/** For whatever is not of its form; `at` says where. */
export function form(good: boolean, at: string): asserts good {
  must(good, "malformed", at);
}
