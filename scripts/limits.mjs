// What a first load may take in bytes over the wire, all of it, fonts too. Above it CI fails. The wasm is told and has no limit of its own.
export const LIMIT = { total: 700_000 };

/** Whether a page keeps to it, and a line about what it takes. */
export const judge = (page, { wasm, total }) => {
  const fits = total <= LIMIT.total;
  const line = `${page}: ${wasm} bytes of wasm, ${total} in all`;
  return { fits, line: fits ? line : `!!! TOO LARGE: ${line}; at most ${LIMIT.total}` };
};
