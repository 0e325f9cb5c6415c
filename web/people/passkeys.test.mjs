// Passkeys in a real browser, with its virtual authenticator: the good case and the bad ones.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
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

/** A page with a device that has a passkey store and knows its user. */
async function device() {
  const context = await browser.newContext();
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("WebAuthn.enable", { enableUI: false });
  const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      ctap2Version: "ctap2_1",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  const set = (method, params = {}) => session.send(`WebAuthn.${method}`, { authenticatorId, ...params });
  return { context, page, set };
}

async function add(page, lang = "en", label = "test phone") {
  await page.goto(`${node.base}/${lang}/my/identity`);
  await page.locator("#label").fill(label);
  await page.locator("form[data-passkey=add] button").click();
}

async function enter(page, lang = "en") {
  await page.goto(`${node.base}/${lang}/sign-in`);
  await page.locator("form[data-passkey=get] button").click();
}

async function out(page, lang = "en") {
  await page.goto(`${node.base}/${lang}/my/identity`);
  await page.locator("form[action$='/sign-out'] button").click();
  await page.waitForURL(new RegExp(`/${lang}$`));
}

for (const [lang, person] of [["kk", "person-05"], ["ru", "person-06"], ["en", "person-07"]]) {
  test(`a passkey is added, lets its person in without a name, and counts, ${lang}`, async () => {
    const { context, page, set } = await device();
    await comeIn(page, node.base, lang, person);
    await add(page, lang);
    await page.getByText("test phone").first().waitFor();
    const { credentials } = await set("getCredentials");
    assert.equal(credentials.length, 1);
    assert.equal(credentials[0].isResidentCredential, true);
    await out(page, lang);
    await enter(page, lang);
    await page.waitForURL(/\/my\/uses/);
    await page.goto(`${node.base}/${lang}/my/identity`);
    assert.match(await page.locator("main").innerText(), /test phone/);
    const counted = (await set("getCredentials")).credentials[0].signCount;
    assert.ok(counted > credentials[0].signCount);
    await context.close();
  });
}

test("the same device is not added twice", async () => {
  const { context, page } = await device();
  await comeIn(page, node.base, "en", "person-08");
  await add(page);
  await page.getByText("test phone").first().waitFor();
  await add(page, "en", "again");
  await page.waitForFunction(() => /did not work/.test(document.querySelector("form[data-passkey] [role=status]").textContent));
  await page.goto(`${node.base}/en/my/identity`);
  assert.equal(await page.getByText("again").count(), 0);
  await context.close();
});

test("who is not verified, and a signature that is not right, do not come in", async () => {
  const { context, page, set } = await device();
  await comeIn(page, node.base, "en", "person-09");
  await add(page);
  await page.getByText("test phone").first().waitFor();
  await out(page);
  const refused = async (what) => {
    await enter(page);
    await page.waitForFunction(() => /did not work/.test(document.querySelector("form[data-passkey] [role=status]").textContent));
    await page.goto(`${node.base}/en/my/identity`);
    assert.match(page.url(), /sign-in/, what);
  };
  await set("setUserVerified", { isUserVerified: false });
  await refused("not verified");
  await set("setUserVerified", { isUserVerified: true });
  for (const bits of [{ isBogusSignature: true }, { isBadUV: true }, { isBadUP: true }]) {
    await set("setResponseOverrideBits", bits);
    await refused(JSON.stringify(bits));
    await set("setResponseOverrideBits");
  }
  await enter(page);
  await page.waitForURL(/\/my\/uses/);
  await context.close();
});

test("a ceremony is good once, and only for its own browser and origin", async () => {
  const { context, page } = await device();
  await comeIn(page, node.base, "en", "person-10");
  await add(page);
  await page.getByText("test phone").first().waitFor();
  await out(page);
  // What the browser sends at the end, sent a second time.
  let sent;
  page.on("request", (request) => {
    if (request.url().endsWith("/sign-in/passkey/finish")) sent = request.postData();
  });
  await enter(page);
  await page.waitForURL(/\/my\/uses/);
  const again = await page.evaluate(async (body) => {
    const answer = await fetch("/en/sign-in/passkey/finish", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    return answer.status;
  }, sent);
  assert.equal(again, 400);
  // Another site may not even ask.
  const answer = await fetch(`${node.base}/en/sign-in/passkey/start`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: "https://evil.test" },
    body: "{}",
  });
  assert.equal(answer.status, 403);
  await context.close();
});

test("a passkey that was removed opens nothing", async () => {
  const { context, page } = await device();
  await comeIn(page, node.base, "en", "person-11");
  await add(page);
  await page.getByText("test phone").first().waitFor();
  await page.getByRole("button", { name: /Remove.*test phone/ }).click();
  await page.waitForLoadState();
  assert.equal(await page.getByRole("cell", { name: /^Passkey: test phone/ }).count(), 0);
  await out(page);
  await enter(page);
  await page.waitForFunction(() => /did not work/.test(document.querySelector("form[data-passkey] [role=status]").textContent));
  await context.close();
});
