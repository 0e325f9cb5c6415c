// What people see: without scripts, with the proof checked, in other colours and on paper.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before, test } from "node:test";
import { faults } from "./look.mjs";
import { comeIn, startBrowser, startNode } from "./node.mjs";

const screens = process.env.SCREENS ?? "screens";
const languages = ["kk", "ru", "en"];
let node;
let browser;

before(async () => {
  await mkdir(screens, { recursive: true });
  node = await startNode();
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await node?.stop();
});

for (const lang of languages) {
  test(`everything but passkeys works with scripts off, ${lang}`, async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await comeIn(page, node.base, lang);
    assert.equal(await page.locator(".timeline li").count() > 0, true);
    await page.locator("form.filter button").click();
    await page.waitForURL(/month=/);
    await page.goto(`${node.base}/${lang}/my/identity`);
    assert.equal(await page.locator("form[data-passkey]").isVisible(), false);
    await page.locator("form[action$='/codes'] button").click();
    assert.equal(await page.locator(".codes li").count(), 10);
    await page.goto(`${node.base}/${lang}/my/notices`);
    await page.fill("#address-sms", "8 701 123 45 67");
    await page.locator("form[action$='/choose'] button").click();
    await page.fill("#code-sms", await node.code("+77011234567"));
    await page.locator("form[action$='/confirm'] button").click();
    assert.equal(await page.locator("#code-sms").count(), 0);
    // With a secret, a code by message opens the account; then the way is taken away again.
    await page.goto(`${node.base}/${lang}/my/identity`);
    const number = (await page.locator("main p strong").first().innerText()).trim();
    await page.fill("#new-secret", "four calm words here");
    await page.locator("form[action$='/identity/secret'] button").click();
    await page.locator("form[action$='/identity/channel'] button").click();
    await page.locator("form[action$='/sign-out'] button").click();
    await page.goto(`${node.base}/${lang}/sign-in`);
    await page.fill("#number", number);
    await page.fill("#secret", "four calm words here");
    await page.locator("button[formaction$='/sign-in/send']").click();
    await page.fill("#code", await node.code("+77011234567"));
    await page.locator("main form button").click();
    await page.waitForURL(/\/my\/uses/);
    await page.goto(`${node.base}/${lang}/my/identity`);
    await page.locator("tr:has-text('+77011234567') form[action$='/remove'] button").click();
    await page.goto(`${node.base}/${lang}/my/notices`);
    await page.locator("form[action$='/remove'] button").click();
    await page.goto(`${node.base}/${lang}/my/identity`);
    await page.locator("form[action$='/sign-out'] button").click();
    await page.goto(`${node.base}/${lang}/my/uses`);
    assert.match(page.url(), /sign-in/);
    await context.close();
  });
}

test("the proof is checked in the browser, with the own secret and no other", async () => {
  for (const lang of languages) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await comeIn(page, node.base, lang);
    await page.goto(`${node.base}/${lang}/my/identity`);
    await page.locator("form[action$='/proof-secret'] button").click();
    const secret = (await page.locator(".codes code").innerText()).trim();
    assert.match(secret, /^[0-9a-f]{64}$/);
    await page.goto(`${node.base}/${lang}/my/uses`);
    await page.locator("a[href$='/202004/check']").click();
    const check = async (typed, code) => {
      await page.fill("#own-secret", typed);
      await page.locator("form[method=dialog] button").click();
      await page.waitForSelector(`[data-kepil-result=${code}]`);
    };
    await check("nonsense", "secret");
    await check("0".repeat(64), "map");
    await check(secret, "ok");
    assert.match(await page.locator("[data-kepil-result]").innerText(), /2026/);
    // The secret went nowhere.
    await check(secret, "ok");
    await context.close();
  }
});

test("pages hold in forced colours, in the dark, and on paper", async () => {
  const page = await browser.newPage();
  await comeIn(page, node.base, "kk");
  for (const path of ["/kk/my/uses", "/kk/my/identity", "/kk/ledger", "/kk/my/powers"]) {
    await page.goto(node.base + path);
    for (const media of [{ forcedColors: "active" }, { forcedColors: "none", colorScheme: "dark" }]) {
      await page.emulateMedia(media);
      // In forced colours the colours are the person's, which axe does not know.
      const ours = (await faults(page)).filter(
        (fault) => media.forcedColors !== "active" || !fault.startsWith("incomplete color-contrast"),
      );
      assert.deepEqual(ours, [], `${path} ${JSON.stringify(media)}`);
    }
    await page.screenshot({ path: `${screens}/dark${path.replaceAll("/", "-")}.png`, fullPage: true });
    await page.emulateMedia({ media: "print", colorScheme: "light" });
    const shown = await page.evaluate(() => ({
      header: getComputedStyle(document.querySelector("header")).display,
      main: getComputedStyle(document.querySelector("main")).display,
    }));
    assert.deepEqual(shown, { header: "none", main: "block" }, path);
    await page.emulateMedia({ media: "screen" });
  }
  await page.close();
});
