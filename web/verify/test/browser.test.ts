// The built file in a real browser, on a page of this machine.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { Input, Result } from "../src/verify.ts";
import { launch } from "./chromium.ts";
import { inputOf, makeWorld, type World } from "./world.ts";

const server = createServer(async (request, response) => {
  if (request.url === "/verify.js") {
    response.setHeader("content-type", "text/javascript");
    response.end(await readFile("dist/verify.js"));
  } else {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>verify</title>");
  }
});
let browser: Browser;
let page: Page;

before(async () => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  browser = await launch();
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});

after(async () => {
  await browser?.close();
  server.close();
});

async function verifyThere(world: World, over: object = {}): Promise<{ result: Result; times: number[] }> {
  const input = inputOf(world, over);
  return page.evaluate(
    async ({ input, secret }) => {
      const path = "/verify.js";
      const { verifyCompleteness } = (await import(path)) as { verifyCompleteness: (input: Input) => Promise<Result> };
      const times: number[] = [];
      let result: Result = { code: "malformed" };
      for (let i = 0; i < 5; i++) {
        const start = performance.now();
        result = await verifyCompleteness({ ...input, secret: Uint8Array.from(secret) });
        times.push(performance.now() - start);
      }
      return { result, times };
    },
    { input, secret: [...input.secret] },
  );
}

const shown = (times: number[]): string => times.map((time) => time.toFixed(1)).join(", ");

test("a browser takes a good proof and opens its rows", async () => {
  const { result } = await verifyThere(makeWorld());
  assert.equal(result.code, "ok");
  assert.equal(result.result?.shown, 3);
  assert.equal(result.result?.erased, 1);
});

test("a browser refuses a proof of somebody else", async () => {
  const { result } = await verifyThere(makeWorld(), { secret: new Uint8Array(32) });
  assert.equal(result.code, "map");
});

test("time for 1,000 entries without rows", async (t) => {
  const { result, times } = await verifyThere(makeWorld({ states: Array.from({ length: 1000 }, () => "none") }));
  assert.equal(result.result?.count, 1000);
  t.diagnostic(`1,000 entries, no rows: ${shown(times)} ms, first run first`);
});

test("time for 1,000 rows", async (t) => {
  const { result, times } = await verifyThere(makeWorld({ states: Array.from({ length: 1000 }, () => "shown") }));
  assert.equal(result.result?.shown, 1000);
  t.diagnostic(`1,000 rows shown: ${shown(times)} ms, first run first`);
});
