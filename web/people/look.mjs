// What is looked at on every page: axe, sideways scroll, the size of text, a picture.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
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
