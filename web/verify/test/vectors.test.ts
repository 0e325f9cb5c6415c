// Proofs made by the other implementation. Both must say the same.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Memory, verifyCompleteness } from "../src/verify.ts";

const file = "../../crates/kepil-ledger/tests/vectors/completeness.json";

interface Vector {
  name: string;
  secret: string;
  period: number;
  policy: string;
  anchor: string;
  now: number;
  max_age: number | null;
  memory: Memory | null;
  proof: string;
  expect: { code: string; result: Record<string, number | boolean> | null };
}

test("shared vectors", async (t) => {
  const vectors = JSON.parse(readFileSync(file, "utf8")) as Vector[];
  assert.ok(vectors.length > 0, "the file holds no vectors");
  for (const vector of vectors) {
    await t.test(vector.name, async () => {
      const { secret, period, policy, anchor, now, max_age, memory, proof, expect } = vector;
      const { code, at, result } = await verifyCompleteness({
        secret: Uint8Array.from(Buffer.from(secret, "hex")),
        period,
        policy,
        anchor,
        now,
        maxAge: max_age ?? undefined,
        memory,
        proof,
      });
      const found = result && {
        complete_until: result.completeUntil,
        closed: result.closed,
        cosigned_until: result.cosignedUntil,
        count: result.count,
        shown: result.shown,
        erased: result.erased,
        deferred: result.deferred,
        withheld: result.withheld,
        not_opened: result.notOpened,
        overdue: result.overdue,
      };
      assert.deepEqual(
        { code, result: found ?? null },
        { code: expect.code, result: expect.result },
        `at: ${at ?? "-"}`,
      );
    });
  }
});
