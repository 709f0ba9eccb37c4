// Packs all pieces of wasm that a group of pages needs into one file, `pages_GROUP.HASH.wasm`. The file is a module of
// custom sections only, each a piece under its own name. One request instead of a dozen; compressed as a whole it is 6
// % smaller than its pieces. The input is the site from `cargo leptos build --split`; its wasm, its loader, its
// manifest and the names that depend on them change.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const pkg = join(process.argv[2] ?? "target/site", "pkg");
const names = readdirSync(pkg);
const named = (pattern) => {
  const found = names.filter((name) => pattern.test(name));
  if (found.length !== 1) throw new Error(`${found.length} files in ${pkg} are called like ${pattern}: was it built with --split?`);
  return found[0];
};
const read = (name) => readFileSync(join(pkg, name));
const remove = (name) => ["", ".br", ".gz"].forEach((ending) => rmSync(join(pkg, name + ending), { force: true }));
const write = (name, bytes) => {
  writeFileSync(join(pkg, name), bytes);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  writeFileSync(join(pkg, `${name}.br`), brotliCompressSync(bytes, { params }));
  writeFileSync(join(pkg, `${name}.gz`), gzipSync(bytes, { level: 9 }));
};
/** Like cargo-leptos' hashes in names: the server lets browsers keep such files for ever. */
const hashOf = (bytes) => createHash("sha256").update(bytes).digest("base64url").slice(0, 22);
/** The loader's text without build-specific parts: file names, numbers of pieces, who needs which, what is shared. */
const shapeOf = (loader) => {
  const lines = loader
    .replace(/(orchwiz|chunk_\d+|split_\w+)\.[\w-]{22}\./g, "FILE.")
    .replace(/\/\*.*?\*\//g, "")
    .replace(/\[(__chunk_\d+(, )?)*\]/g, "[]")
    .replace(/__chunk_\d+/g, "CHUNK")
    .replace(/__wasm_split_load_\w+/g, "LOAD")
    .replace(/\{ (\w+, )+ \}/g, "{ SHARED }");
  return [...new Set(lines.split("\n"))].join("\n");
};
/** The digest of the loader that this script was written for: cargo-leptos 0.3.11. */
const LOADER = "D3cknCS8umrPGSW22y0bIN";
/** The text with every `from` replaced by `to`; fails when there is none. */
const replaced = (text, from, to) => {
  if (!text.includes(from)) throw new Error(`the site's scripts are not as expected: ${from} is missing`);
  return text.replaceAll(from, to);
};

const leb = (n) => (n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...leb(n >>> 7)]);
const sized = (...parts) => {
  const bytes = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(leb(bytes.length)), bytes]);
};
/** https://webassembly.github.io/spec/core/binary/modules.html: the magic number, version 1, custom sections. */
const moduleOf = (pieces) =>
  Buffer.concat([
    Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]),
    ...pieces.flatMap((piece) => [Buffer.from([0]), sized(sized(Buffer.from(piece)), read(`${piece}.wasm`))]),
  ]);

const manifestName = named(/^__wasm_split_manifest\.[^.]+\.json$/);
const loaderName = named(/^__wasm_split\.[^.]+\.js$/);
const mainName = named(/^orchwiz\.[^.]+\.js$/);
const groups = Object.entries(JSON.parse(read(manifestName)));
const pieceNames = [...new Set(groups.flatMap(([, pieces]) => pieces))];

const packs = groups.map(([group, pieces]) => {
  const bytes = moduleOf(pieces);
  return { group, file: `pages_${group}.${hashOf(bytes)}`, bytes };
});

// The loader takes a piece out of its group's pack, which is fetched once.
const RUNTIME = `const packFiles = ${JSON.stringify(Object.fromEntries(packs.map(({ group, file }) => [group, `./${file}.wasm`])))};
const packs = new Map();
let wanted;
function packOf(group) {
    if (!packs.has(group)) {
        const pack = WebAssembly.compileStreaming(fetch(new URL(packFiles[group], import.meta.url)));
        packs.set(group, pack);
        pack.catch(() => packs.delete(group));
    }
    return packs.get(group);
}
function piece(name) {
    const piece = packOf(wanted).then((pack) => WebAssembly.Module.customSections(pack, name)[0]);
    piece.catch(() => undefined); // Whoever awaits it hears of it; nobody may, when another piece failed before.
    return piece;
}
function inGroup(group, load) {
    return async () => {
        wanted = group;
        try {
            await load();
        } finally {
            packs.delete(group);
        }
    };
}
`;
let loader = read(loaderName).toString();
if (hashOf(shapeOf(loader)) !== LOADER) {
  throw new Error(
    `cargo-leptos writes another loader than the one packed here (${hashOf(shapeOf(loader))}, not ${LOADER}). Read ${join(pkg, loaderName)} and ` +
      "makeLoad in it; where packing still does the same, put the new digest into scripts/pack.mjs, else mend it there.",
  );
}
loader = replaced(loader, "function makeLoad(", `${RUNTIME}function makeLoad(`);
loader = replaced(loader, "WebAssembly.instantiateStreaming(src, imports)", "src.then((bytes) => WebAssembly.instantiate(bytes, imports))");
for (const piece of pieceNames) {
  loader = replaced(loader, `fetch(new URL("./${piece}.wasm", import.meta.url))`, `piece(${JSON.stringify(piece)})`);
}
for (const [group, pieces] of groups) {
  // `wrapAsyncCb(makeLoad(… piece("split_GROUP.HASH") …, [__chunk_1, __chunk_2]));`
  const start = "wrapAsyncCb(";
  const at = loader.indexOf(`${start}makeLoad(() => {\n    const src = piece(${JSON.stringify(pieces.at(-1))});`);
  const end = loader.indexOf("])", at) + 2;
  if (at === -1 || end === 1) throw new Error(`the site's loader is not as expected: it does not load ${group}`);
  loader = `${loader.slice(0, at)}${start}inGroup(${JSON.stringify(group)}, ${loader.slice(at + start.length, end)})${loader.slice(end)}`;
}

// Names carry a hash of the file's content; for the two scripts a hash of both, since each names the other.
const main = read(mainName).toString();
const hash = hashOf(main + loader);
const [newLoader, newMain] = [`__wasm_split.${hash}.js`, `orchwiz.${hash}.js`];
const manifest = Buffer.from(JSON.stringify(Object.fromEntries(packs.map(({ group, file }) => [group, [file]]))));

[manifestName, loaderName, mainName, ...pieceNames.map((piece) => `${piece}.wasm`)].forEach(remove);
for (const { file, bytes } of packs) write(`${file}.wasm`, bytes);
write(newLoader, Buffer.from(replaced(loader, mainName, newMain)));
// Only the file is renamed: the wasm asks for its exports under the old name.
write(newMain, Buffer.from(replaced(main, `from"./${loaderName}"`, `from"./${newLoader}"`)));
write(`__wasm_split_manifest.${hashOf(manifest)}.json`, manifest);
