// What a first visit takes over the wire, from the files as they are served (brotli; fonts are compressed already). Exits 1 above the limits.
import { readdirSync, statSync, existsSync } from "node:fs";
import { join } from "node:path";
import { TOTAL, WASM, judge } from "./limits.mjs";

const site = process.argv[2] ?? "target/site";
const files = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)],
  );
const all = files(site).filter((file) => !/\.(br|gz)$/.test(file));
const wire = (file) => (existsSync(`${file}.br`) ? Math.min(statSync(`${file}.br`).size, statSync(file).size) : statSync(file).size);
const rows = all
  .filter((file) => /\.(wasm|js|css|woff2)$/.test(file))
  .map((file) => ({ file: file.slice(site.length + 1), raw: statSync(file).size, wire: wire(file) }));
const sum = (pattern) => rows.filter((row) => pattern.test(row.file)).reduce((total, row) => total + row.wire, 0);
for (const row of rows) console.log(`${String(row.wire).padStart(9)} of ${String(row.raw).padStart(9)} bytes  ${row.file}`);
const wasm = sum(/\.wasm$/);
// The page itself, its icons and the first answers: small, and measured in the browser by end2end/tests/first-load.spec.ts.
const total = sum(/./);
console.log(judge("wasm", wasm, WASM));
console.log(judge("first load", total, TOTAL));
if (rows.length === 0 || wasm === 0) {
  console.error(`no wasm under ${site}`);
  process.exit(1);
}
if (wasm > WASM.limit || total > TOTAL.limit) {
  console.error("the first load is too large");
  process.exit(1);
}
