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
