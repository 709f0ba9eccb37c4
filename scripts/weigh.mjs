// The compressed size of a first visit: the shared files, and on top of them a group of pages. Sizes are those of the
// files as served: brotli, and fonts, which are compressed already. The page itself, icons, first answers and headers
// are small; end2end/tests/first-load.spec.ts measures them in the browser.
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";

const files = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)],
  );
const wire = (file) => (existsSync(`${file}.br`) ? Math.min(statSync(`${file}.br`).size, statSync(file).size) : statSync(file).size);
const sum = (rows) => rows.reduce((total, row) => total + row.wire, 0);
const isWasm = (row) => row.name.endsWith(".wasm");

/**
 * Files with their sizes, the wasm and scripts that all pages share, and for each group of pages the total of a first
 * visit: `{ rows, shared, groups: [{ group, wasm, total }] }`, bytes.
 */
export function weigh(site) {
  const all = files(site).filter((file) => !/\.(br|gz)$/.test(file));
  const rows = all
    .filter((file) => /\.(wasm|js|css|woff2)$/.test(file))
    .map((file) => ({ name: basename(file), file: file.slice(site.length + 1), raw: statSync(file).size, wire: wire(file) }));

  // The files of a group beyond the shared ones, as cargo-leptos wrote them down when it split.
  const manifest = all.find((file) => /__wasm_split_manifest\..*json$/.test(file));
  if (manifest === undefined) throw new Error(`no manifest of split pages under ${site}: was it built with --split?`);
  const pieces = Object.entries(JSON.parse(readFileSync(manifest, "utf8"))).map(([group, names]) => ({
    group,
    own: names.map((name) => {
      const row = rows.find((row) => row.name === `${basename(name).replace(/\.wasm$/, "")}.wasm`);
      if (row === undefined) throw new Error(`${manifest} names ${name}, which is not there`);
      return row;
    }),
  }));
  const apart = new Set(pieces.flatMap(({ own }) => own));
  const base = rows.filter((row) => !apart.has(row));
  if (pieces.length === 0 || sum(base.filter(isWasm)) === 0) throw new Error(`there is no wasm under ${site}`);
  const shared = sum(base.filter((row) => /\.(wasm|js)$/.test(row.name)));
  return { rows, shared, groups: pieces.map(({ group, own }) => ({ group, wasm: sum([...base, ...own].filter(isWasm)), total: sum([...base, ...own]) })) };
}
