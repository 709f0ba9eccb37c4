// The limits of a first visit to a page. CI fails above them.

/**
 * - `total`: compressed bytes (brotli) of everything in a first visit, fonts too;
 * - `shared`: compressed bytes of the wasm and the scripts that all pages share;
 * - `interactive`: milliseconds from the request to hydration, in Chromium on loopback, with the processor slowed down
 *   `slowdown` times.
 */
export const LIMIT = { total: 750_000, shared: 320_000, interactive: 2_000, slowdown: 4 };

/** Whether a value keeps its limit, and a line about it. `unit`: "bytes" or "ms". */
export const judge = (name, taken, limit, unit = "bytes") => {
  const fits = taken <= limit;
  const line = `${name}: ${taken} of ${limit} ${unit}`;
  return { fits, line: fits ? line : `!!! TOO MUCH: ${line}` };
};
