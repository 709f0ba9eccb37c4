// What a first visit takes over the wire, from the files as they are served (brotli; fonts are compressed already): what every page needs,
// and the largest group of pages on top of it. Exits 1 above the limits.
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { judge, limitOf } from "./limits.mjs";

const site = process.argv[2] ?? "target/site";
const files = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)],
  );
const all = files(site).filter((file) => !/\.(br|gz)$/.test(file));
const wire = (file) => (existsSync(`${file}.br`) ? Math.min(statSync(`${file}.br`).size, statSync(file).size) : statSync(file).size);
const rows = all
  .filter((file) => /\.(wasm|js|css|woff2)$/.test(file))
  .map((file) => ({ name: basename(file), file: file.slice(site.length + 1), raw: statSync(file).size, wire: wire(file) }));
for (const row of rows) console.log(`${String(row.wire).padStart(9)} of ${String(row.raw).padStart(9)} bytes  ${row.file}`);
const sum = (rows) => rows.reduce((total, row) => total + row.wire, 0);

// Which files a group of pages needs beyond what all need: cargo-leptos writes it down when it splits.
const manifest = all.find((file) => /__wasm_split_manifest\..*json$/.test(file));
if (manifest === undefined) {
  console.error(`no manifest of split pages under ${site}: was it built with --split?`);
  process.exit(1);
}
const groups = Object.entries(JSON.parse(readFileSync(manifest, "utf8"))).map(([group, names]) => ({
  group,
  rows: names.map((name) => {
    const file = basename(name).replace(/\.wasm$/, "");
    const row = rows.find((row) => row.name === `${file}.wasm`);
    if (row === undefined) throw new Error(`${manifest} names ${name}, which is not there`);
    return row;
  }),
}));
const apart = new Set(groups.flatMap(({ rows }) => rows));
const base = rows.filter((row) => !apart.has(row));
const isWasm = (row) => row.name.endsWith(".wasm");
let failed = sum(base.filter(isWasm)) === 0 || groups.length === 0;
for (const { group, rows } of groups) {
  // The page itself, its icons and the first answers are small, and measured in the browser by end2end/tests/first-load.spec.ts.
  const taken = { wasm: sum([...base, ...rows].filter(isWasm)), total: sum([...base, ...rows]) };
  console.log(judge(group, taken));
  failed ||= taken.wasm > limitOf(group).wasm || taken.total > limitOf(group).total;
}
if (failed) {
  console.error("the first load is too large");
  process.exit(1);
}
