// What a person takes along works elsewhere: a receipt is checked from its file by anybody, and an
// archive by the command. All of it without scripts.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { comeIn, startBrowser, startNode } from "./node.mjs";

const run = promisify(execFile);
let node;
let browser;
let folder;

before(async () => {
  node = await startNode();
  browser = await startBrowser();
  folder = await mkdtemp(join(tmpdir(), "kepil-along-"));
});

after(async () => {
  await browser?.close();
  await node?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Clicks a link that downloads, and keeps the file. */
async function download(page, link, name) {
  const [file] = await Promise.all([page.waitForEvent("download"), page.locator(link).click()]);
  const kept = join(folder, name);
  await copyFile(await file.path(), kept);
  return kept;
}

for (const [lang, stands] of [
  ["kk", "жарияланған журналда"],
  ["ru", "в опубликованном журнале"],
  ["en", "in the published log"],
]) {
  test(`what is taken along is checked elsewhere, ${lang}`, async () => {
    const context = await browser.newContext({ javaScriptEnabled: false, acceptDownloads: true });
    const page = await context.newPage();
    await comeIn(page, node.base, lang, "person-03");
    await page.goto(`${node.base}/${lang}/my/uses`);
    const archive = await download(page, "a[href$='/kepil.zip']", `${lang}.zip`);
    await page.locator(".timeline a[href*='/my/uses/']").first().click();
    const receipt = await download(page, "a[href$='/receipt']", `${lang}.json`);
    await context.close();

    const key = await (await fetch(`${node.base}/log/key`)).text();
    const check = (file) => run(process.env.KEPIL, ["--json", "person", "export", file, "--key", key.trim()]);
    const said = JSON.parse((await check(archive)).stdout);
    assert.deepEqual([said.sound, said.files], [true, 7]);

    const anybody = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
    await anybody.goto(`${node.base}/${lang}/ledger`);
    await anybody.setInputFiles("#receipt-file", receipt);
    await anybody.locator("form[enctype] button").click();
    const answer = await anybody.locator("main").innerText();
    assert.ok(answer.includes(stands), answer);
    // A file of another kind is said to be none.
    await anybody.setInputFiles("#receipt-file", archive);
    await anybody.locator("#receipt").fill("");
    await anybody.locator("form[enctype] button").click();
    assert.equal(await anybody.locator("[role=alert]").count(), 1);
    await anybody.context().close();
  });
}
