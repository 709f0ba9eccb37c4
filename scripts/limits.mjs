// The first load of any page in bytes over the wire, all of it, fonts too. Above these figures CI fails.
export const WASM = 450_000;
export const TOTAL = 700_000;

/** One line about a figure. */
export const judge = (name, bytes, limit) => `${bytes > limit ? "!!! TOO LARGE: " : ""}${name}: ${bytes} bytes (at most ${limit})`;
