// What people see: accessible, in three languages, on a small screen, without scripts, and small.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before, test } from "node:test";
import { faults, measures } from "./look.mjs";
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

const places = (lang) => [
  ["start", `/${lang}`],
  ["sign-in", `/${lang}/sign-in`],
  ["activate", `/${lang}/activate`],
  ["ledger", `/${lang}/ledger`],
  ["systems", `/${lang}/systems`],
  ["law", `/${lang}/law`],
  ["act", `/${lang}/law/KZ-PDL-2013`],
  ["uses", `/${lang}/my/uses`],
  ["nothing", `/${lang}/my/uses?month=202611`],
  ["check", `/${lang}/my/uses/202004/check`],
  ["one", null],
  ["identity", `/${lang}/my/identity`],
  ["powers", `/${lang}/my/powers`],
  ["services", `/${lang}/my/services`],
  ["complaints-none", `/${lang}/my/complaints`],
  ["notices", `/${lang}/my/notices`],
  ["notice", null],
];

/** Opens a place; the pages of one use and one notice are found through their lists. */
async function open(page, lang, [name, path]) {
  if (path) return page.goto(node.base + path);
  if (name === "notice") {
    await page.goto(`${node.base}/${lang}/my/notices`);
    await page.locator(".timeline a[href*='/my/notices/']").first().click();
    await page.waitForURL(/\/my\/notices\/[0-9a-f]{32}$/);
    return name;
  }
  await page.goto(`${node.base}/${lang}/my/uses`);
  await page.locator(".timeline a[href*='/my/uses/']").first().click();
  await page.waitForURL(/\/my\/uses\/\d+\/\d+$/);
  return name;
}

for (const lang of languages) {
  test(`every page is accessible and fits, ${lang}`, async () => {
    for (const width of [1280, 320]) {
      const context = await browser.newContext({ viewport: { width, height: 800 } });
      const page = await context.newPage();
      for (const place of places(lang)) {
        if (place[0] === "uses") await comeIn(page, node.base, lang);
        await open(page, lang, place);
        const where = `${place[0]} ${lang} ${width}`;
        await page.screenshot({ path: `${screens}/${place[0]}-${lang}-${width}.png`, fullPage: true });
        assert.equal(await page.locator("html").getAttribute("lang"), lang, where);
        assert.deepEqual(await faults(page), [], where);
        const { over, smallest } = await measures(page);
        assert.equal(over, 0, `${where} scrolls sideways`);
        assert.ok(smallest >= 12, `${where} has text of ${smallest} px`);
        if (width === 320) {
          // Twice the text, as a person sets it in the browser.
          await page.evaluate(() => (document.documentElement.style.fontSize = "200%"));
          assert.equal((await measures(page)).over, 0, `${where} scrolls sideways at 200 % text`);
        }
      }
      await context.close();
    }
  });

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

test("a cold page is small and asks nobody else", async () => {
  for (const path of ["/kk", "/kk/sign-in", "/kk/systems", "/kk/my/uses", "/kk/my/powers", "/kk/my/notices", "/kk/my/uses/202004/check", "/kk/my/identity", "/kk/my/notices"]) {
    const context = await browser.newContext();
    const page = await context.newPage();
    if (path.includes("/my/")) {
      await comeIn(page, node.base, "kk");
    }
    const session = await context.newCDPSession(page);
    await session.send("Network.enable");
    await session.send("Network.setCacheDisabled", { cacheDisabled: true });
    const asked = [];
    let bytes = 0;
    session.on("Network.requestWillBeSent", ({ request }) => request.url.startsWith("data:") || asked.push(request.url));
    session.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
    await page.goto(node.base + path, { waitUntil: "networkidle" });
    const own = asked.filter((url) => url.startsWith(node.base));
    assert.deepEqual(asked, own, "nothing is asked of others");
    const counted = own.filter((url) => !url.endsWith("/assets/icon.svg"));
    assert.ok(counted.length <= 3, `${path}: ${counted}`);
    assert.ok(bytes <= 30_000, `${path}: ${bytes} bytes`);
    await context.close();
  }
});

test("the keyboard leads through the page, and the first stop skips to the content", async () => {
  const page = await browser.newPage();
  await page.goto(`${node.base}/en/sign-in`);
  await page.keyboard.press("Tab");
  const first = await page.evaluate(() => document.activeElement.getAttribute("href"));
  assert.equal(first, "#main");
  let last = -1;
  for (let stops = 0; stops < 60; stops++) {
    await page.keyboard.press("Tab");
    const place = await page.evaluate(() => {
      const all = [...document.querySelectorAll("*")];
      const active = document.activeElement;
      const { outlineStyle } = getComputedStyle(active);
      return { at: all.indexOf(active), seen: outlineStyle !== "none", body: active === document.body };
    });
    if (place.body) return;
    assert.ok(place.at > last, "the order of the keyboard is that of reading");
    assert.ok(place.seen, "the focus can be seen");
    last = place.at;
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
