// Makes the pictures of the guides: walks the journeys of the demonstration and writes what is
// seen to docs/src/pictures, or to the folder $PICTURES. KEPIL=… node pictures.mjs
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { comeIn, startBrowser, startNode } from "./node.mjs";
import { small } from "./png.mjs";

const kept = fileURLToPath(new URL("../../docs/src/pictures/", import.meta.url));
const folder = process.env.PICTURES ? `${process.env.PICTURES}/` : kept;
const WIDTH = 1100;
const MOST_BYTES = 90_000;

await mkdir(folder, { recursive: true });
const node = await startNode();
const browser = await startBrowser();

async function as(who) {
  const context = await browser.newContext({ viewport: { width: WIDTH, height: 800 } });
  const page = await context.newPage();
  await comeIn(page, node.base, "en", who);
  return page;
}

/** Leaves the first of many lines alike. */
async function shorten(page, lines, keep) {
  await page.locator(lines).evaluateAll((all, kept) => {
    if (all.length > kept) all[kept].textContent = "…";
    all.slice(kept + 1).forEach((line) => line.remove());
  }, keep);
}

/** Writes what stands between two places of a page, each given by a selector. */
async function picture(page, name, first = "h1", last = "main") {
  const box = async (selector) => page.locator(selector).first().evaluate((e) => {
    const { top, bottom } = e.getBoundingClientRect();
    return { top: top + scrollY, bottom: bottom + scrollY };
  });
  const y = Math.max(0, (await box(first)).top - 12);
  const height = (await box(last)).bottom + 12 - y;
  const png = small(await page.screenshot({ fullPage: true, clip: { x: 0, y, width: WIDTH, height } }));
  if (png.length > MOST_BYTES) throw new Error(`${name} has ${png.length} bytes`);
  await writeFile(`${folder}${name}.png`, png);
  console.log(`${name}: ${WIDTH} x ${Math.round(height)}, ${png.length} bytes`);
}

const send = (page) => page.locator("main form button[type=submit]").last().click();

try {
  // A neighbour was looked up at night, and refused; the person sees it and complains.
  const citizen = await as("person-17");
  await picture(citizen, "uses", "h1", ".proof");
  await citizen.locator(".timeline a[href*='/my/uses/']").first().click();
  await shorten(citizen, "main ul li", 10);
  await picture(citizen, "use", "h1", "a[href$='/receipt']");
  const receipt = await citizen.evaluate(
    async () => (await fetch(document.querySelector("a[href$='/receipt']").href)).text(),
  );
  await citizen.locator("a[href$='/complain']").click();
  await citizen.locator("textarea").fill("The officer lives next door. I know of no case against me.");
  await send(citizen);
  await citizen.waitForURL(/my\/complaints\/[0-9a-f]{16}$/);
  await picture(citizen, "complaint");
  const complaint = citizen.url();

  // A power, to somebody trusted.
  const friend = await as("person-05");
  await friend.goto(`${node.base}/en/my/powers`);
  const number = await friend.locator("main code").first().innerText();
  await citizen.goto(`${node.base}/en/my/powers`);
  await citizen.fill("#number", number);
  await citizen.locator("input[name=see_uses]").check();
  const until = new Date(Date.now() + 90 * 86_400_000).toISOString().slice(0, 10);
  await citizen.fill("#until", until);
  await send(citizen);
  await citizen.waitForLoadState();
  await picture(citizen, "powers");
  await friend.context().close();

  // An official: purpose first, then data, then the verdict before anything is sent.
  const official = await as("tax-official-1");
  await official.locator("#purpose").selectOption("tax");
  await picture(official, "desk-purpose", "h1", "main form button");
  await send(official);
  await official.locator("#operation").selectOption("use");
  await official.fill("#person", "person-90");
  await official.locator("input[name='data.income_benefits']").check();
  await official.fill("#basis", "KZ-PDL-2013#9.9-1");
  await official.fill("#case", "case-tax-1");
  await official.fill("#agreement", "agreement-KZ-TAX-01");
  await send(official);
  await shorten(official, "main ul:nth-of-type(2) li", 10);
  await picture(official, "desk-verdict", "h1", "form[action$='/desk/send'] button");
  await official.locator("form[action$='/desk/send'] button").click();
  await official.waitForURL(/sent=\d+/);
  // A neighbour: refused, recorded all the same, and flagged.
  await official.goto(`${node.base}/en/desk?mandate=mandate-tax-1&purpose=tax`);
  await official.fill("#person", "person-04");
  await official.locator("input[name='data.income_benefits']").check();
  await send(official);
  await official.locator("form[action$='/desk/send'] button").click();
  await official.waitForURL(/sent=\d+/);
  await official.context().close();

  // A supervisor: the queue, the record, the decision.
  const supervisor = await as("supervisor-1");
  const flagged = supervisor.locator("section[aria-labelledby=readings] a");
  for (let tries = 0; tries < 40 && (await flagged.count()) === 0; tries++) {
    await supervisor.waitForTimeout(250);
    await supervisor.reload();
  }
  await picture(supervisor, "supervision", "h1", "section[aria-labelledby=readings]");
  await supervisor.locator("section[aria-labelledby=complaints] a").first().click();
  await send(supervisor);
  await supervisor.locator("input[value=upheld]").check();
  const reasons = "No case of the register covers this person (PDL 5(2)); private curiosity is no purpose.";
  await supervisor.locator("textarea").fill(reasons);
  await shorten(supervisor, "main ul li", 4);
  await picture(supervisor, "record");
  await send(supervisor);
  await supervisor.waitForURL(/supervision\/[0-9a-f]{16}$/);
  await supervisor.context().close();

  // The person is told, and reads the decision.
  await citizen.goto(`${node.base}/en/my/notices`);
  await citizen.locator(".timeline a[href*='/my/notices/']").first().click();
  await citizen.goto(`${node.base}/en/my/notices`);
  await picture(citizen, "notices", "h1", ".timeline");
  await citizen.goto(complaint);
  await picture(citizen, "complaint-decided");

  // What anybody sees.
  await citizen.goto(`${node.base}/en/systems`);
  await shorten(citizen, "main table >> nth=0 >> tbody tr", 5);
  await shorten(citizen, "main table >> nth=1 >> tbody tr", 5);
  await picture(citizen, "systems");
  await citizen.goto(`${node.base}/en/ledger`);
  await citizen.locator("main textarea").fill(receipt);
  await picture(citizen, "ledger", "main h2 >> nth=1", "main form button");
} finally {
  await browser.close();
  await node.stop();
}
