// What is looked at on every page: axe, sideways scroll, the size of text, a picture.
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const screens = process.env.SCREENS ?? "screens";

/** What axe finds wrong or cannot decide. */
export async function faults(page) {
  // Evaluated beside the page, so that its content policy does not matter.
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const found = await globalThis.axe.run(document, { runOnly: tags });
    const said = (kind) => (rule) => `${kind} ${rule.id}: ${rule.nodes.map((n) => n.target.join(" ")).join("; ")}`;
    return [...found.violations.map(said("violation")), ...found.incomplete.map(said("incomplete"))];
  });
}

/** How far the page scrolls sideways, and its smallest text in pixels. */
export async function measures(page) {
  return page.evaluate(() => {
    const root = document.documentElement;
    const sizes = [...document.querySelectorAll("body *")]
      .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()))
      .filter((e) => e.getClientRects().length > 0)
      .map((e) => parseFloat(getComputedStyle(e).fontSize));
    return { over: root.scrollWidth - root.clientWidth, smallest: Math.min(...sizes) };
  });
}

/** Looks at the page as it stands, wide and narrow; a page that answered a form is not asked for again. */
export async function seen(page, name, lang) {
  for (const width of [1280, 320]) {
    await page.setViewportSize({ width, height: 800 });
    const where = `${name} ${lang} ${width}`;
    await page.screenshot({ path: `${screens}/${name}-${lang}-${width}.png`, fullPage: true });
    assert.equal(await page.locator("html").getAttribute("lang"), lang, where);
    assert.deepEqual(await faults(page), [], where);
    const { over, smallest } = await measures(page);
    assert.equal(over, 0, `${where} scrolls sideways`);
    assert.ok(smallest >= 12, `${where} has text of ${smallest} px`);
  }
  await page.evaluate(() => (document.documentElement.style.fontSize = "200%"));
  assert.equal((await measures(page)).over, 0, `${name} ${lang} scrolls sideways at 200 % text`);
  await page.evaluate(() => (document.documentElement.style.fontSize = ""));
  await page.setViewportSize({ width: 1280, height: 800 });
}

/** Loads the page once more with nothing kept: how much it is, and that nothing is asked of others. */
export async function budget(page, base) {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.setCacheDisabled", { cacheDisabled: true });
  const asked = [];
  let bytes = 0;
  session.on("Network.requestWillBeSent", ({ request }) => request.url.startsWith("data:") || asked.push(request.url));
  session.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
  await page.reload({ waitUntil: "networkidle" });
  const own = asked.filter((url) => url.startsWith(base));
  assert.deepEqual(asked, own, "nothing is asked of others");
  const counted = own.filter((url) => !url.endsWith("/assets/icon.svg"));
  assert.ok(counted.length <= 3, `${page.url()}: ${counted}`);
  assert.ok(bytes <= 30_000, `${page.url()}: ${bytes} bytes`);
  await session.detach();
}

/** Goes through the page with the keyboard: first the way to the content, then in the order of reading. */
export async function walked(page) {
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("Tab");
  const skip = await page.evaluate(() => {
    const all = [...document.querySelectorAll("*")];
    return { to: document.activeElement.getAttribute("href"), at: all.indexOf(document.activeElement) };
  });
  assert.equal(skip.to, "#main", page.url());
  let last = skip.at;
  for (let stops = 0; stops < 400; stops++) {
    await page.keyboard.press("Tab");
    const place = await page.evaluate(() => {
      const active = document.activeElement;
      const { outlineStyle } = getComputedStyle(active);
      return {
        at: [...document.querySelectorAll("*")].indexOf(active),
        tag: active.outerHTML.slice(0, 120),
        seen: outlineStyle !== "none",
        body: active === document.body,
      };
    });
    // At the end the browser begins again.
    if (place.body || place.at === skip.at) return;
    // A field for a day has stops of its own: day, month, year.
    const inside = place.at === last && place.tag.includes('type="date"');
    assert.ok(place.at > last || inside, `${page.url()}: ${place.tag} comes out of the order of reading`);
    assert.ok(place.seen, `${page.url()}: the focus on ${place.tag} cannot be seen`);
    last = place.at;
  }
  assert.fail(`${page.url()}: the keyboard does not come to an end`);
}

const months = new RegExp(
  `(?<!\\p{L})(${[
    "January|February|March|April|May|June|July|August|September|October|November|December",
    "январ[ья]|феврал[ья]|марта?|апрел[ья]|ма[йя]|июн[ья]|июл[ья]|августа?|сентябр[ья]|октябр[ья]|ноябр[ья]|декабр[ья]",
    "қаңтар|ақпан|наурыз|сәуір|мамыр|маусым|шілде|тамыз|қыркүйек|қазан|қараша|желтоқсан",
  ].join("|")})(?!\\p{L})`,
  "gu",
);

/** What differs from run to run: moments, numbers, keys, addresses. */
const masked = (tree) =>
  tree
    .replace(/[A-Za-z0-9+/]{40,}={0,2}/g, "…")
    .replace(/[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{3}/g, "…")
    .replace(/\b[0-9a-f]{8,}\b/g, "…")
    .replace(months, "…")
    .replace(/\d+/g, "#")
    .replace(/#(?:[.:]#)+/g, "#");

/**
 * What assistive technology is told of a page, kept in a file and reviewed like code;
 * KEPIL_WRITE_ARIA=1 writes the files anew.
 */
export async function told(page, name, lang) {
  const found = `${masked(await page.locator("body").ariaSnapshot())}\n`;
  const file = new URL(`./aria/${name}-${lang}.yml`, import.meta.url);
  if (process.env.KEPIL_WRITE_ARIA) {
    await mkdir(new URL("./aria/", import.meta.url), { recursive: true });
    await writeFile(file, found);
  }
  const kept = await readFile(file, "utf8").catch(() => "");
  assert.equal(found, kept, `${name} ${lang}: look at the difference, then KEPIL_WRITE_ARIA=1 keeps it`);
}
