// No bit of a proof can change and leave a proof that says something else.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Result, verifyCompleteness } from "../src/verify.ts";
import * as w from "./world.ts";

const world = w.makeWorld({ states: ["shown", "erased", "deferred", "none"], people: 3, depth: 1 });
const good = w.proofText(world.parts);

async function batches(count: number, work: (i: number) => Promise<void>): Promise<void> {
  for (let at = 0; at < count; at += 64) {
    await Promise.all(Array.from({ length: Math.min(64, count - at) }, (_, i) => work(at + i)));
  }
}

/** A cosignature that is not recognised any more may make the statement weaker, never another. */
function weakerOrSame(found: Result, before: Result): void {
  const { cosignedUntil, ...rest } = found.result!;
  const { cosignedUntil: until, ...expected } = before.result!;
  assert.deepEqual(rest, expected);
  assert.ok(cosignedUntil <= until);
}

test("every bit of the block", async (t) => {
  const block = w.blockBytes(world.parts);
  const codes = new Map<string, number>();
  await batches(8 * block.length, async (bit) => {
    const copy = Buffer.from(block);
    copy[bit >> 3]! ^= 1 << (bit & 7);
    const { code } = await verifyCompleteness(w.inputOf(world, { proof: w.proofText(world.parts, copy) }));
    assert.notEqual(code, "ok", `bit ${bit}`);
    codes.set(code, (codes.get(code) ?? 0) + 1);
  });
  t.diagnostic(`${8 * block.length} bits: ${[...codes].map(([code, n]) => `${code} ${n}`).join(", ")}`);
});

test("every bit of the file", async (t) => {
  const before = await verifyCompleteness(w.inputOf(world));
  assert.equal(before.code, "ok");
  const bytes = Buffer.from(good);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const codes = new Map<string, number>();
  await batches(8 * bytes.length, async (bit) => {
    const copy = Buffer.from(bytes);
    copy[bit >> 3]! ^= 1 << (bit & 7);
    let proof: string;
    try {
      proof = decoder.decode(copy);
    } catch {
      return;
    }
    const found = await verifyCompleteness(w.inputOf(world, { proof }));
    if (found.code === "ok") weakerOrSame(found, before);
    codes.set(found.code, (codes.get(found.code) ?? 0) + 1);
  });
  t.diagnostic(`${8 * bytes.length} bits: ${[...codes].map(([code, n]) => `${code} ${n}`).join(", ")}`);
});

test("every cut of the file, and every line left out or doubled", async () => {
  const before = await verifyCompleteness(w.inputOf(world));
  const lines = good.split("\n").map((line) => `${line}\n`);
  lines.pop();
  const changed = [
    ...Array.from({ length: good.length }, (_, i) => good.slice(0, i)),
    ...lines.map((_, i) => lines.toSpliced(i, 1).join("")),
    ...lines.map((line, i) => lines.toSpliced(i, 0, line).join("")),
  ];
  await batches(changed.length, async (i) => {
    const found = await verifyCompleteness(w.inputOf(world, { proof: changed[i]! }));
    if (found.code === "ok") weakerOrSame(found, before);
  });
});
