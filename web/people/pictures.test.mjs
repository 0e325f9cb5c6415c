// The pictures of the guides can be made from the pages as they are, and the guides use each.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const docs = fileURLToPath(new URL("../../docs/src/", import.meta.url));

test("the pictures of the guides are made from the pages", async () => {
  const folder = await mkdtemp(join(tmpdir(), "kepil-pictures-"));
  try {
    const script = fileURLToPath(new URL("./pictures.mjs", import.meta.url));
    await promisify(execFile)(process.execPath, [script], { env: { ...process.env, PICTURES: folder } });
    const made = (await readdir(folder)).sort();
    const used = new Set();
    for (const name of await readdir(docs)) {
      if (!name.endsWith(".md")) continue;
      const text = await readFile(join(docs, name), "utf8");
      for (const [, picture] of text.matchAll(/\(pictures\/([a-z-]+\.png)\)/g)) used.add(picture);
    }
    assert.deepEqual(made, [...used].sort());
    assert.deepEqual((await readdir(join(docs, "pictures"))).sort(), made);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
