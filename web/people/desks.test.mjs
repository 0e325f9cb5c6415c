// The journeys: a citizen complains, an official asks, a supervisor reads and decides; in each
// language, with scripts off.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before, test } from "node:test";
import { seen } from "./look.mjs";
import { comeIn, startBrowser, startNode } from "./node.mjs";

const screens = process.env.SCREENS ?? "screens";
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

/** Somebody's own browser. Scripts are on for axe alone: the pages bring none. */
async function as(lang, who) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await comeIn(page, node.base, lang, who);
  assert.equal(await page.locator("script").count(), 0, "this page needs no script");
  return page;
}

const send = (page) => page.locator("main form button[type=submit]").last().click();

for (const [lang, person] of [
  ["kk", "person-04"],
  ["ru", "person-05"],
  ["en", "person-06"],
]) {
  test(`a complaint goes its way, ${lang}`, async () => {
    const citizen = await as(lang, person);
    await citizen.locator(".timeline a[href*='/my/uses/']").first().click();
    await citizen.locator("a[href$='/complain']").click();
    await seen(citizen, "complain", lang);
    await citizen.locator("textarea").fill("Мен бұл органға жүгінген жоқпын. <b>Түсіндіріңіз.</b>");
    await send(citizen);
    await citizen.waitForURL(/my\/complaints\/[0-9a-f]{16}$/);
    const place = citizen.url();
    const number = place.split("/").at(-1);
    await seen(citizen, "complaint", lang);
    await citizen.goto(`${node.base}/${lang}/my/complaints`);
    await seen(citizen, "complaints", lang);

    const supervisor = await as(lang, "supervisor-1");
    await seen(supervisor, "supervision", lang);
    await supervisor.locator(`a[href$='${number}']`).click();
    await seen(supervisor, "case", lang);
    assert.ok(!(await supervisor.content()).includes(person), "a summary names nobody");
    await send(supervisor);
    assert.ok((await supervisor.content()).includes(person));
    await seen(supervisor, "record", lang);
    await supervisor.locator("input[value=upheld]").check();
    await supervisor.locator("textarea").fill("DC 28(3): no agreement covered this request.");
    await send(supervisor);
    await supervisor.waitForURL(/supervision\/[0-9a-f]{16}$/);

    await citizen.goto(place);
    assert.ok((await citizen.content()).includes("DC 28(3)"), "the person reads the reasons");
    await seen(citizen, "complaint-decided", lang);
    // Everything the supervisor did is in the person's own list.
    await citizen.goto(`${node.base}/${lang}/my/uses`);
    const month = await citizen.locator("#month option").first().getAttribute("value");
    await citizen.waitForTimeout(1000);
    await citizen.goto(`${node.base}/${lang}/my/uses?month=${month}`);
    assert.ok((await citizen.content()).includes("supervisor-1"), "the look is an event");
    await seen(citizen, "uses-after", lang);
    await citizen.context().close();
    await supervisor.context().close();
  });

  test(`an official asks, ${lang}`, async () => {
    const official = await as(lang, "tax-official-1");
    await seen(official, "desk", lang);
    await official.locator("#purpose").selectOption("tax");
    await send(official);
    await seen(official, "desk-ask", lang);
    await official.locator("#operation").selectOption("use");
    await official.fill("#person", "person-90");
    await official.locator("input[name='data.income_benefits']").check();
    await official.fill("#basis", "KZ-PDL-2013#9.9-1");
    await official.fill("#case", "case-tax-1");
    await official.fill("#agreement", "agreement-KZ-TAX-01");
    await send(official);
    assert.equal(await official.locator(".verdict.ok").count(), 1, await official.locator("main").innerText());
    await seen(official, "desk-verdict", lang);
    await official.locator("form[action$='/desk/send'] button").click();
    await official.waitForURL(/sent=\d+/);
    await seen(official, "desk-sent", lang);
    // A neighbour is refused, the refusal stands, and a supervisor is told.
    await official.goto(`${node.base}/${lang}/desk?mandate=mandate-tax-1&purpose=tax`);
    await official.fill("#person", "person-04");
    await official.locator("input[name='data.income_benefits']").check();
    await send(official);
    assert.equal(await official.locator(".verdict.deny").count(), 1);
    await official.locator("form[action$='/desk/send'] button").click();
    await official.waitForURL(/sent=\d+/);
    await official.context().close();

    const supervisor = await as(lang, "supervisor-2");
    const flagged = supervisor.locator("section[aria-labelledby=readings] a").first();
    for (let tries = 0; tries < 20 && (await flagged.count()) === 0; tries++) {
      await supervisor.waitForTimeout(250);
      await supervisor.reload();
    }
    await flagged.click();
    await send(supervisor);
    assert.ok((await supervisor.content()).includes("tax-official-1"));
    await seen(supervisor, "reading", lang);
    await supervisor.context().close();
  });
}

test("a verdict that is left to a human is taken up, looked at in each language, and decided", async () => {
  const supervisor = await as("kk", "supervisor-2");
  await supervisor.locator("form[action*='/supervision/reviews/'] button").first().click();
  await supervisor.waitForURL(/supervision\/[0-9a-f]{16}$/);
  const place = supervisor.url();
  for (const lang of ["kk", "ru", "en"]) {
    await supervisor.goto(place.replace("/kk/", `/${lang}/`));
    await send(supervisor);
    await seen(supervisor, "review", lang);
  }
  await supervisor.locator("input[value=refused]").check();
  await send(supervisor);
  // Reasons are missing: what was chosen is kept.
  assert.ok(await supervisor.locator("input[value=refused]").isChecked());
  await supervisor.locator("textarea").fill("Sources disagree whether the Code was in force; the person was not told.");
  await send(supervisor);
  await supervisor.waitForURL(/supervision\/[0-9a-f]{16}$/);
  await supervisor.context().close();
});

test("who has another role is sent away kindly", async () => {
  const official = await as("ru", "tax-official-1");
  for (const path of ["/ru/supervision", "/ru/my/uses", "/ru/my/complaints"]) {
    const reply = await official.goto(node.base + path);
    assert.equal(reply.status(), 403, path);
    assert.equal(await official.locator("[role=alert]").count(), 1);
  }
  await seen(official, "not-yours", "ru");
  await official.context().close();
});
