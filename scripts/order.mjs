// Orders the functions of a wasm module so that those that look alike stand together: brotli says a function in fewer bytes the nearer the one
// is that it resembles (3 % less over the wire). wasm-opt does the ordering, by names that are given to the functions for that.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** How many bytes make a place that functions can have in common, and how many functions may share one before it says nothing. */
const [PLACE, COMMON] = [4, 400];

/** cargo-leptos optimises before; once more finds 1 % less. Nothing lives below address 1,024: the last of a megabyte of stack. */
const ONCE_MORE = ["--low-memory-unused", "-Oz"];

const leb = (n) => (n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...leb(n >>> 7)]);
const sized = (bytes) => Buffer.concat([Buffer.from(leb(bytes.length)), bytes]);

/** The bodies of a module's functions, and how many functions it imports. https://webassembly.github.io/spec/core/binary/modules.html */
function functionsOf(wasm) {
  let at = 8;
  const number = () => {
    let [value, shift] = [0, 0];
    for (;;) {
      const byte = wasm[at++];
      value += (byte & 0x7f) * 2 ** shift;
      shift += 7;
      if (byte < 0x80) return value;
    }
  };
  const skip = () => {
    const length = number();
    at += length;
  };
  const limits = () => {
    const flags = wasm[at++];
    number();
    if (flags & 1) number();
  };
  const described = [() => number(), () => ((at += 1), limits()), limits, () => (at += 2), () => ((at += 1), number())];
  const [bodies, imported] = [[], { count: 0 }];
  while (at < wasm.length) {
    const section = wasm[at++];
    const end = number() + at;
    if (section === 2) {
      for (let left = number(); left > 0; left--) {
        skip();
        skip();
        const kind = wasm[at++];
        described[kind]();
        if (kind === 0) imported.count++;
      }
    } else if (section === 10) {
      for (let left = number(); left > 0; left--) {
        const length = number();
        bodies.push(wasm.subarray(at, at + length));
        at += length;
      }
    }
    at = end;
  }
  return { bodies, imported: imported.count };
}

/** Functions one after the other, each followed by the one left that has the greatest share of its places in common with it. */
function alike(bodies) {
  const placesOf = (body) => {
    const places = new Set();
    for (let from = 0; from + PLACE <= body.length; from++) places.add(body.readUInt32LE(from));
    return places;
  };
  const places = bodies.map(placesOf);
  const having = new Map();
  places.forEach((all, one) => {
    for (const place of all) having.has(place) ? having.get(place).push(one) : having.set(place, [one]);
  });
  const left = new Set(bodies.map((_, one) => one).sort((a, b) => bodies[b].length - bodies[a].length || a - b));
  const order = [];
  const next = (now) => {
    const shared = new Map();
    for (const place of places[now]) {
      const others = having.get(place);
      if (others.length <= COMMON) for (const other of others) if (left.has(other)) shared.set(other, (shared.get(other) ?? 0) + 1);
    }
    let [best, most] = [undefined, 0];
    for (const [other, count] of shared) {
      // A few places are common to all that is short.
      const share = count / (places[other].size + 20);
      if (share > most) [best, most] = [other, share];
    }
    return best;
  };
  for (let now; left.size > 0; ) {
    now = (now !== undefined ? next(now) : undefined) ?? left.values().next().value;
    left.delete(now);
    order.push(now);
  }
  return order;
}

/** A custom section that names each function by its rank. */
function ranks(order, imported) {
  const names = order.map((one, rank) => [imported + one, String(rank).padStart(6, "0")]).sort(([a], [b]) => a - b);
  const map = Buffer.from([...leb(names.length), ...names.flatMap(([index, name]) => [...leb(index), name.length, ...Buffer.from(name)])]);
  return Buffer.concat([Buffer.from([0]), sized(Buffer.concat([sized(Buffer.from("name")), Buffer.from([1]), sized(map)]))]);
}

/** The module with its functions in such an order; it does the same. */
export function ordered(wasm) {
  const { bodies, imported } = functionsOf(wasm);
  if (bodies.length < 2) return wasm;
  const folder = mkdtempSync(join(tmpdir(), "order-"));
  const [named, out] = [join(folder, "named.wasm"), join(folder, "out.wasm")];
  try {
    writeFileSync(named, Buffer.concat([wasm, ranks(alike(bodies), imported)]));
    execFileSync("wasm-opt", [named, ...ONCE_MORE, "--reorder-functions-by-name", "-o", out], { stdio: ["ignore", "ignore", "inherit"] });
    return readFileSync(out);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
