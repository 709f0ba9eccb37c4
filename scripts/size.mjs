// Lists the files of the site and judges what a first visit to each group of pages takes. Exits 1 above the limit.
import { judge } from "./limits.mjs";
import { weigh } from "./weigh.mjs";

const { rows, groups } = weigh(process.argv[2] ?? "target/site");
for (const row of rows) console.log(`${String(row.wire).padStart(9)} of ${String(row.raw).padStart(9)} bytes  ${row.file}`);
let failed = false;
for (const { group, ...taken } of groups) {
  const { fits, line } = judge(group, taken);
  console.log(line);
  failed ||= !fits;
}
if (failed) {
  console.error("the first load is too large");
  process.exit(1);
}
