// The committed build: its size, that it is what the sources give, and that it works.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Input, Result } from "../src/verify.ts";
import * as w from "./world.ts";

test("the bundles stay under 15,000 and 4,000 bytes", (t) => {
  for (const [name, limit] of [
    ["verify", 15_000],
    ["page", 4_000],
  ] as const) {
    const { size } = statSync(`dist/${name}.js`);
    assert.ok(size < limit, `${name}: ${size} bytes`);
    t.diagnostic(`${name}: ${size} bytes`);
  }
});

test("the bundles are what the sources give", () => {
  execFileSync(process.execPath, ["build.mjs", "--check"]);
});

test("the page's script takes nothing but the verifier, and writes text only", () => {
  const code = readFileSync("dist/page.js", "utf8");
  assert.deepEqual(code.match(/\bimport\b[^;]*/g)?.length, 1);
  assert.match(code, /from"\.\/verify\.js"/);
  assert.doesNotMatch(code, /innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|\.style\b|https?:/);
});

test("the bundle imports nothing and exports one function", async () => {
  const code = readFileSync("dist/verify.js", "utf8");
  assert.doesNotMatch(code, /\bimport\b|\brequire\(|\beval\(|\bfetch\(|https?:/);
  const made = (await import(pathToFileURL(resolve("dist/verify.js")).href)) as Record<string, unknown>;
  assert.deepEqual(Object.keys(made), ["verifyCompleteness"]);
  const verifyCompleteness = made["verifyCompleteness"] as (input: Input) => Promise<Result>;
  assert.equal((await verifyCompleteness(w.inputOf(w.makeWorld()))).code, "ok");
});

test("a browser that lacks something is told apart from a bad proof", async () => {
  const real = globalThis.crypto;
  const without = async (crypto: unknown, name: string): Promise<Result> => {
    Object.defineProperty(globalThis, "crypto", { value: crypto, configurable: true });
    try {
      // The query makes it a module of its own, which looks for WebCrypto anew.
      const made = await import(`${pathToFileURL(resolve("dist/verify.js")).href}?${name}`);
      return await (made as { verifyCompleteness: (input: Input) => Promise<Result> }).verifyCompleteness(input);
    } finally {
      Object.defineProperty(globalThis, "crypto", { value: real, configurable: true });
    }
  };
  const input = w.inputOf(w.makeWorld());
  assert.deepEqual(await without(undefined, "none"), { code: "unsupported", at: "WebCrypto" });
  assert.deepEqual(await without({}, "insecure"), { code: "unsupported", at: "WebCrypto" });
  const { subtle } = real;
  const older = {
    digest: subtle.digest.bind(subtle),
    sign: subtle.sign.bind(subtle),
    verify: subtle.verify.bind(subtle),
    importKey: (...call: Parameters<SubtleCrypto["importKey"]>) =>
      (call[2] as unknown) === "Ed25519"
        ? Promise.reject(new DOMException("Unrecognized name", "NotSupportedError"))
        : (subtle.importKey as (...call: unknown[]) => unknown).apply(subtle, call),
  };
  assert.deepEqual(await without({ subtle: older }, "older"), { code: "unsupported", at: "Ed25519" });
});

test("the lock file names no host", () => {
  assert.doesNotMatch(readFileSync("package-lock.json", "utf8"), /"resolved"/);
});
