// Lists the site's files, and checks the shared size and the first visit of each group of pages. Exits 1 above a limit.
import { LIMIT, judge } from "./limits.mjs";
import { weigh } from "./weigh.mjs";

const { rows, shared, groups } = weigh(process.argv[2] ?? "target/site");
for (const row of rows) console.log(`${String(row.wire).padStart(9)} of ${String(row.raw).padStart(9)} bytes  ${row.file}`);
const judged = [judge("what all pages share", shared, LIMIT.shared)];
for (const { group, wasm, total } of groups) judged.push(judge(`${group} (${wasm} bytes of wasm)`, total, LIMIT.total));
for (const { line } of judged) console.log(line);
if (judged.some(({ fits }) => !fits)) {
  console.error("the first load is too large");
  process.exit(1);
}
