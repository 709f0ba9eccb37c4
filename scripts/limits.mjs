// What a first visit to a page may cost. Above it CI fails.

/**
 * - `total`: bytes over the wire (brotli) of everything a first visit takes, fonts too;
 * - `shared`: bytes over the wire of the wasm and the scripts that every page takes;
 * - `interactive`: milliseconds from the request until the page is live, in Chromium with the processor slowed down `slowdown` times, on loopback.
 */
export const LIMIT = { total: 750_000, shared: 320_000, interactive: 2_000, slowdown: 4 };

/** Whether what was taken keeps to its limit, and a line about it. `unit`: "bytes" or "ms". */
export const judge = (name, taken, limit, unit = "bytes") => {
  const fits = taken <= limit;
  const line = `${name}: ${taken} of ${limit} ${unit}`;
  return { fits, line: fits ? line : `!!! TOO MUCH: ${line}` };
};
