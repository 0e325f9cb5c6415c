// What assistive technology is told of every page: snapshots that are reviewed like code.
import { after, before, test } from "node:test";
import { told } from "./look.mjs";
import { comeIn, startBrowser, startNode } from "./node.mjs";

let node;
let browser;

before(async () => {
  node = await startNode();
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await node?.stop();
});

const open = ["", "sign-in", "activate", "ledger", "systems", "law", "law/KZ-ALA-8-2020"];
const own = ["uses", "identity", "powers", "services", "complaints", "notices"];

// Somebody else in each language: a visit leaves a session and a line of history behind.
for (const [lang, person] of [
  ["kk", "person-04"],
  ["ru", "person-05"],
  ["en", "person-06"],
]) {
  test(`what is told of every page, ${lang}`, async () => {
    const page = await browser.newPage();
    for (const place of open) {
      await page.goto(`${node.base}/${lang}/${place}`.replace(/\/$/, ""));
      await told(page, place.replace("/", "-") || "start", lang);
    }
    await comeIn(page, node.base, lang, person);
    for (const place of own) {
      await page.goto(`${node.base}/${lang}/my/${place}`);
      await told(page, place, lang);
    }
    await page.goto(`${node.base}/${lang}/my/uses`);
    await page.locator(".timeline a[href*='/my/uses/']").first().click();
    await told(page, "one", lang);
    await page.locator("a[href$='/complain']").click();
    await told(page, "complain", lang);
    await page.close();
    for (const [who, name] of [
      ["tax-official-1", "desk"],
      ["supervisor-1", "supervision"],
    ]) {
      const desk = await (await browser.newContext()).newPage();
      await comeIn(desk, node.base, lang, who);
      await told(desk, name, lang);
      await desk.context().close();
    }
  });
}
