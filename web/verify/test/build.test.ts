// The committed build: its size, that it is what the sources give, and that it works.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Input, Result } from "../src/verify.ts";
import * as w from "./world.ts";

test("the bundle stays under 15 KB", (t) => {
  const { size } = statSync("dist/verify.js");
  assert.ok(size < 15 * 1024, `${size} bytes`);
  t.diagnostic(`${size} bytes`);
});

test("the bundle is what the sources give", () => {
  execFileSync(process.execPath, ["build.mjs", "--check"]);
});

test("the bundle imports nothing and exports one function", async () => {
  const code = readFileSync("dist/verify.js", "utf8");
  assert.doesNotMatch(code, /\bimport\b|\brequire\(|\beval\(|\bfetch\(|https?:/);
  const made = (await import(pathToFileURL(resolve("dist/verify.js")).href)) as Record<string, unknown>;
  assert.deepEqual(Object.keys(made), ["verifyCompleteness"]);
  const verifyCompleteness = made["verifyCompleteness"] as (input: Input) => Promise<Result>;
  assert.equal((await verifyCompleteness(w.inputOf(w.makeWorld()))).code, "ok");
});

test("the lock file names no host", () => {
  assert.doesNotMatch(readFileSync("package-lock.json", "utf8"), /"resolved"/);
});
