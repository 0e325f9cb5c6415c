// Every page there is, in every language: what the list of endpoints names is opened and looked at
// here, or the test fails. So are the answers to forms that went wrong.
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { budget, seen, walked } from "./look.mjs";
import { comeIn, startBrowser, startNode } from "./node.mjs";

const list = await readFile(new URL("../../crates/kepil-server/tests/api/endpoints.txt", import.meta.url), "utf8");
const named = list
  .split("\n")
  .filter((line) => line.startsWith("get /{lang}"))
  .map((line) => line.split(" ")[1]);

/** No pages: files, and an address that leads on. */
const files = [
  "/{lang}/my",
  "/{lang}/my/export/{form}",
  "/{lang}/my/uses/{period}/proof",
  "/{lang}/my/uses/{period}/{index}/receipt",
];
/** Reached from a service alone: openid.test.mjs looks at it. */
const elsewhere = ["/{lang}/authorize/{ticket}"];

let node;
let browser;

/** A page by its address. */
const at = (path) => (page, lang) => page.goto(`${node.base}/${lang}${path}`);
/** A page by the first link to it on another one. */
const by = (path, link) => async (page, lang) => {
  await page.goto(`${node.base}/${lang}${path}`);
  const to = await page.locator(`main ${link}`).first().getAttribute("href");
  await page.goto(node.base + to);
};
const nobody = null;
const citizen = "person-05";
const other = "person-07";
const representative = "person-06";
const official = "tax-official-1";
const counter = "centre-official-1";
const supervisor = "supervisor-1";
const power = "a[href*='/my/powers/']";

/** The pages of the list: who opens them, and how. */
const pages = {
  "/{lang}": [nobody, at("")],
  "/{lang}/decisions/{index}": [nobody, by("", "td a[href*='/decisions/']")],
  "/{lang}/law": [nobody, at("/law")],
  "/{lang}/law/{act}": [nobody, at("/law/KZ-DC-2026")],
  "/{lang}/law/{act}/{article}": [nobody, at("/law/KZ-DC-2026/77")],
  "/{lang}/ledger": [nobody, at("/ledger")],
  "/{lang}/systems": [nobody, at("/systems")],
  "/{lang}/sign-in": [nobody, at("/sign-in")],
  "/{lang}/activate": [nobody, at("/activate")],
  "/{lang}/my/uses": [citizen, at("/my/uses")],
  "/{lang}/my/uses/{period}/check": [citizen, by("/my/uses", "a[href$='/check']")],
  "/{lang}/my/uses/{period}/{index}": [other, by("/my/uses", ".timeline a[href*='/my/uses/']")],
  "/{lang}/my/uses/{period}/{index}/complain": [
    other,
    async (page, lang) => {
      await by("/my/uses", ".timeline a[href*='/my/uses/']")(page, lang);
      await page.goto(`${page.url()}/complain`);
    },
  ],
  "/{lang}/my/complaints": [citizen, at("/my/complaints")],
  "/{lang}/my/complaints/{id}": [citizen, by("/my/complaints", "a[href*='/my/complaints/']")],
  "/{lang}/my/identity": [citizen, at("/my/identity")],
  "/{lang}/my/notices": [citizen, at("/my/notices")],
  "/{lang}/my/notices/{id}": [citizen, by("/my/notices", ".timeline a[href*='/my/notices/']")],
  "/{lang}/my/powers": [citizen, at("/my/powers")],
  "/{lang}/my/powers/{id}": [representative, by("/my/powers", power)],
  "/{lang}/my/powers/{id}/{index}/complain": [
    representative,
    async (page, lang) => {
      await by("/my/powers", power)(page, lang);
      // The newest month holds what was done about uses; the uses stand in an older one.
      const months = page.locator("#month option").filter({ hasNotText: "(0)" });
      const month = await months.last().getAttribute("value");
      await page.goto(`${page.url()}?month=${month}`);
      const to = await page.locator("main a[href$='/complain']").first().getAttribute("href");
      await page.goto(node.base + to);
    },
  ],
  "/{lang}/my/services": [citizen, at("/my/services")],
  "/{lang}/desk": [official, at("/desk")],
  "/{lang}/desk/assist": [counter, at("/desk/assist")],
  "/{lang}/supervision": [supervisor, at("/supervision")],
  "/{lang}/supervision/{id}": [supervisor, by("/supervision", "a[href*='/supervision/']")],
};

/** Sends the form that a button of the page belongs to, as a browser without checks of its own would. */
const send = async (page, form) => {
  await page.locator(form).evaluate((element) => (element.noValidate = true));
  const loaded = page.waitForEvent("load");
  await page.locator(`${form} button[type=submit]:not([formaction])`).last().click();
  await loaded;
};

/** What forms answer: who sends them, how, and the status. */
const answers = {
  "no-page": [nobody, at("/nothing"), 404],
  "no-act": [nobody, at("/law/NOPE"), 404],
  "no-article": [nobody, at("/law/KZ-DC-2026/7777"), 404],
  "act-of-few": [nobody, at("/law/KZ-ALA-8-2020"), 200],
  "purpose-chosen": [official, at("/desk?mandate=mandate-tax-1&purpose=tax"), 200],
  "another-role": [official, at("/my/uses"), 403],
  "month-without": [citizen, at("/my/uses?month=202611"), 200],
  "sign-in-wrong": [
    nobody,
    async (page, lang) => {
      await at("/sign-in")(page, lang);
      await page.fill("#number", "00000-00000-000");
      await page.fill("#secret", "not the secret at all");
      await page.fill("#code", "00000-00000");
      await send(page, "form[action$='/sign-in/secret']");
    },
  ],
  "code-sent": [
    nobody,
    async (page, lang) => {
      await at("/sign-in")(page, lang);
      await page.fill("#number", "nobody");
      await page.fill("#secret", "not the secret at all");
      await page.locator("button[formaction$='/sign-in/send']").click();
      await page.waitForURL(/sign-in\/send$/);
    },
  ],
  "code-wrong": [
    nobody,
    async (page, lang) => {
      await answers["code-sent"][1](page, lang);
      await page.fill("#code", "000000");
      await send(page, "main form");
    },
  ],
  "activate-wrong": [
    nobody,
    async (page, lang) => {
      await at("/activate")(page, lang);
      await page.fill("#number", "00000-00000-000");
      await page.fill("#code", "00000-00000");
      await send(page, "main form");
    },
  ],
  "receipt-bad": [
    nobody,
    async (page, lang) => {
      await at("/ledger")(page, lang);
      await page.fill("main textarea", "<b>nonsense</b>");
      await send(page, "main form");
    },
  ],
  "receipt-good": [
    other,
    async (page, lang) => {
      await by("/my/uses", ".timeline a[href*='/my/uses/']")(page, lang);
      const receipt = await page.request.get(`${page.url()}/receipt`);
      await at("/ledger")(page, lang);
      await page.fill("main textarea", await receipt.text());
      await send(page, "main form");
    },
  ],
  "power-wrong": [
    citizen,
    async (page, lang) => {
      await at("/my/powers")(page, lang);
      await page.fill("#number", "<i>nobody</i>");
      await send(page, "form[action$='/my/powers']");
    },
  ],
  "address-wrong": [
    citizen,
    async (page, lang) => {
      await at("/my/notices")(page, lang);
      await page.fill("#address-sms", "12");
      await send(page, "form[action$='/choose']:has(#address-sms)");
    },
  ],
  "secret-weak": [
    citizen,
    async (page, lang) => {
      await at("/my/identity")(page, lang);
      await page.fill("#new-secret", "short");
      await send(page, "form[action$='/identity/secret']");
    },
  ],
  codes: [
    citizen,
    async (page, lang) => {
      await at("/my/identity")(page, lang);
      await send(page, "form[action$='/codes']");
    },
  ],
  "proof-secret": [
    citizen,
    async (page, lang) => {
      await at("/my/identity")(page, lang);
      await send(page, "form[action$='/proof-secret']");
    },
  ],
  "complaint-empty": [
    other,
    async (page, lang) => {
      await pages["/{lang}/my/uses/{period}/{index}/complain"][1](page, lang);
      await send(page, "main form");
    },
  ],
  "request-without-data": [
    official,
    async (page, lang) => {
      await at("/desk?mandate=mandate-tax-1&purpose=tax")(page, lang);
      await page.fill("#person", "person-90");
      await send(page, "form[action$='/desk/check']");
    },
  ],
  "assist-wrong": [
    counter,
    async (page, lang) => {
      await at("/desk/assist")(page, lang);
      await send(page, "main form");
    },
  ],
};

/** A browser for everybody who is needed, in a language. */
function people(lang) {
  const open = new Map();
  return {
    page: async (who) => {
      if (!open.has(who)) {
        const page = await (await browser.newContext()).newPage();
        if (who) await comeIn(page, node.base, lang, who);
        open.set(who, page);
      }
      return open.get(who);
    },
    close: () => Promise.all([...open.values()].map((page) => page.context().close())),
  };
}

before(async () => {
  await mkdir(process.env.SCREENS ?? "screens", { recursive: true });
  node = await startNode();
  browser = await startBrowser();
  const here = people("en");
  // A power, so that there is somebody to act for; a complaint, so that there is a case.
  const number = async (who) => {
    const page = await here.page(who);
    await at("/my/powers")(page, "en");
    return (await page.locator("main code").first().innerText()).trim();
  };
  const to = await number(representative);
  await number(citizen);
  const own = await here.page(citizen);
  await own.fill("#number", to);
  for (const box of await own.locator("form[action$='/my/powers'] input[type=checkbox]").all()) await box.check();
  await own.fill("#until", "2027-03-01");
  await own.locator("form[action$='/my/powers'] button").click();
  assert.equal(await own.locator("[role=alert]").count(), 0, await own.locator("main").innerText());
  await by("/my/uses", ".timeline a[href*='/my/uses/']")(own, "en");
  await own.locator("a[href$='/complain']").click();
  await own.fill("main textarea", "I have never asked this body for anything.");
  await send(own, "main form");
  await own.waitForURL(/my\/complaints\/[0-9a-f]{16}$/);
  await here.close();
});

after(async () => {
  await browser?.close();
  await node?.stop();
});

test("the list of endpoints and the pages here are the same", () => {
  assert.deepEqual([...Object.keys(pages), ...files, ...elsewhere].sort(), named.toSorted());
});

for (const lang of ["kk", "ru", "en"]) {
  test(`every page is accessible and fits, ${lang}`, async () => {
    const here = people(lang);
    for (const [path, [who, open]] of Object.entries(pages)) {
      const page = await here.page(who);
      await open(page, lang);
      const name = path.replace("/{lang}", "").replaceAll(/[{}]/g, "").replaceAll("/", "-").slice(1) || "start";
      await seen(page, name, lang);
      await budget(page, node.base);
      if (lang === "kk") await walked(page);
    }
    await here.close();
  });

  test(`every answer to a form that went wrong is accessible, fits and says so, ${lang}`, async () => {
    const here = people(lang);
    for (const [name, [who, open, status]] of Object.entries(answers)) {
      const page = await here.page(who);
      const reply = await open(page, lang);
      if (status) assert.equal(reply.status(), status, name);
      if (name.endsWith("wrong")) {
        assert.ok((await page.locator("[role=alert]").count()) > 0, `${name} ${lang}: nothing is said`);
      }
      await seen(page, `answer-${name}`, lang);
    }
    await here.close();
  });
}
