// A real relying party signs people in at a node in service, through a real browser.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import * as rp from "openid-client";
import { seen } from "./look.mjs";
import { freePort, startBrowser } from "./node.mjs";

const secret = "four calm words here";
let folder;
let base;
let node;
let browser;
let person;
const services = {};

/** A relying party: it shows what came back to its address. */
async function service(id, sector, more = {}) {
  const port = await freePort();
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const kid = randomUUID();
  const redirect = `http://localhost:${port}/cb`;
  const server = createServer((request, response) => {
    response.setHeader("content-type", "text/plain");
    response.end(`back at ${id}`);
  });
  await new Promise((done) => server.listen(port, "127.0.0.1", done));
  services[id] = {
    redirect,
    stop: () => server.close(),
    key: await crypto.subtle.importKey(
      "pkcs8",
      privateKey.export({ type: "pkcs8", format: "der" }),
      { name: "ECDSA", namedCurve: "P-256" },
      false,
      ["sign"],
    ),
    kid,
  };
  return {
    client_id: id,
    controller: `Bureau ${id}`,
    contact: "bureau@example.test",
    sector,
    legal_basis: ["KZ-PSL-2013#4.1"],
    purpose: { en: "to serve you", ru: "оказать услугу", kk: "қызмет көрсету" },
    redirect_uris: [redirect],
    logout_uris: [`http://localhost:${port}/bye`],
    jwks: { keys: [{ ...publicKey.export({ format: "jwk" }), kid, use: "sig", alg: "ES256" }] },
    ...more,
  };
}

before(async () => {
  await mkdir(process.env.SCREENS ?? "screens", { recursive: true });
  folder = await mkdtemp(join(tmpdir(), "kepil-openid-"));
  const data = join(folder, "data");
  await mkdir(data);
  const port = await freePort();
  base = `http://localhost:${port}`;
  const clients = [
    await service("clinic", "health"),
    await service("lab", "health"),
    await service("taxes", "tax"),
    // A law lets it know the number, and the gate reads the law the same way.
    await service("aid", "social", {
      attributes: [{ name: "name", norm: "KZ-PSL-2013#5.2.4" }],
      iin_release: "KZ-PSL-2013#5.2.4",
      gate: { system: "SYS-AID", purpose: "public_service", agreement: "agreement-aid" },
    }),
    // It names a text that lets nobody do anything.
    await service("shop", "trade", {
      attributes: [{ name: "name", norm: "KZ-DC-2026#45.2" }],
      gate: { system: "SYS-SHOP", purpose: "public_service", agreement: "agreement-aid" },
    }),
  ];
  await writeFile(join(data, "clients.json"), JSON.stringify(clients));
  const known = {
    asking_registered: true, target_registered: true, target_owned: true, same_owner: false,
    digital_government: true, asking_private: false, storage_in_kz: true, secured: true,
    register_has_data: true, from_register: true, trial: false, own_face_system: false,
    links_medical: false, listed_medical_request: false, integration_available: true,
  };
  const system = (id) => ({
    id, name: `Bureau ${id}`, actors: ["state_body"], keys: clients[0].jwks.keys, facts: { system: known },
  });
  const agreement = { active: true, data: "all", fields: [], fields_listed: false, precision: "history", recipients: "all" };
  const dataset = {
    purposes: "all", declared_before: true, locked: false, unlock: "none", act_needed: false,
    public_by_leak: false, depersonalised: false, group_size: 1, retention_over: false,
    deletion_recorded: false, kept_by_law: false, leak_handled: false, raw_by_law: false,
  };
  const register = {
    systems: [system("SYS-AID"), system("SYS-SHOP")],
    records: [
      { id: "agreement-aid", kind: "agreement", facts: { agreement } },
      // An invented number: nobody is born on the day it names.
      { id: "person-1", kind: "person", facts: { dataset }, attributes: { name: "Person One", iin: "000000000101" } },
    ],
  };
  await writeFile(join(data, "register.json"), JSON.stringify(register));
  const config = join(folder, "kepil.toml");
  await writeFile(config, `listen = "127.0.0.1:${port}"\npublic_url = "${base}"\ndata_dir = ${JSON.stringify(data)}\n`);
  node = spawn(process.env.KEPIL, ["serve", "--config", config], { stdio: ["ignore", "ignore", "pipe"] });
  await new Promise((done, failed) => {
    node.once("exit", (code) => failed(new Error(`the node ended with ${code}`)));
    createInterface({ input: node.stderr }).on("line", (line) => line.includes("listens on") && done());
  });
  browser = await startBrowser();

  // A service centre opens an account; the person sets two ways in.
  const token = (await readFile(join(data, "operator.token"), "utf8")).trim();
  const order = { do: "open_account", role: "citizen", reference: "person-1", method: "document" };
  const opened = await fetch(`${base}/admin/v1/orders`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(order),
  });
  const { number, activation } = await opened.json();
  const page = await browser.newPage();
  await page.goto(`${base}/en/activate`);
  await page.fill("#number", number);
  await page.fill("#code", activation);
  await page.click("main button");
  await page.fill("#new-secret", secret);
  await page.click("form[action$='/secret'] button");
  await page.click("form[action$='/codes'] button");
  person = { number, codes: await page.locator(".codes code").allInnerTexts() };
  await page.close();
});

after(async () => {
  await browser?.close();
  Object.values(services).forEach(({ stop }) => stop());
  node?.removeAllListeners("exit");
  const ended = new Promise((done) => node.once("exit", done));
  node?.kill("SIGTERM");
  await ended;
  await rm(folder, { recursive: true, force: true });
});

async function configuration(id) {
  const { key, kid } = services[id];
  return rp.discovery(new URL(base), id, {}, rp.PrivateKeyJwt({ key, kid }), {
    execute: [rp.allowInsecureRequests],
  });
}

/** A request for authorisation, and what is needed to check the answer. */
async function request(config, id, more = {}) {
  const verifier = rp.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier: verifier, expectedNonce: rp.randomNonce(), expectedState: rp.randomState() };
  const url = rp.buildAuthorizationUrl(config, {
    redirect_uri: services[id].redirect,
    scope: "openid",
    code_challenge: await rp.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    nonce: checks.expectedNonce,
    state: checks.expectedState,
    ui_locales: "en",
    ...more,
  });
  return { url, checks };
}

async function signIn(page) {
  await page.fill("#number", person.number);
  await page.fill("#secret", secret);
  await page.fill("#code", person.codes.pop());
  await page.click("form[action$='/sign-in/secret'] button");
}

const arrived = (id) => (url) => url.href.startsWith(services[id].redirect);

/** Signs in at a service; gives what the relying party learns. */
async function through(page, id, { asks = true, signs = true, scope = "openid" } = {}) {
  const config = await configuration(id);
  const { url, checks } = await request(config, id, { scope });
  await page.goto(url.href);
  if (signs) await signIn(page);
  if (asks) {
    assert.match(await page.locator("main").innerText(), new RegExp(`Bureau ${id}`));
    await page.click("button[value=yes]");
  }
  await page.waitForURL(arrived(id));
  const tokens = await rp.authorizationCodeGrant(config, new URL(page.url()), checks);
  const claims = tokens.claims();
  const info = await rp.fetchUserInfo(config, tokens.access_token, claims.sub);
  return { config, tokens, claims, info, back: page.url(), checks };
}

test("op39: a person agrees, comes back to the service, and is known by another number in another sector", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const clinic = await through(page, "clinic");
  assert.equal(clinic.claims.acr, "urn:kepil:aal2");
  assert.equal(clinic.claims.sub.length, 43);
  assert.equal(clinic.info.sub, clinic.claims.sub);
  assert.deepEqual(Object.keys(clinic.info), ["sub"]);
  // Signed in already; each service is asked about once.
  const lab = await through(page, "lab", { signs: false });
  const again = await through(page, "lab", { signs: false, asks: false });
  const taxes = await through(page, "taxes", { signs: false });
  assert.equal(lab.claims.sub, clinic.claims.sub);
  assert.equal(again.claims.sub, lab.claims.sub);
  assert.notEqual(taxes.claims.sub, clinic.claims.sub);
  // A code is good once, and what it gave is taken back with the second try.
  await assert.rejects(rp.authorizationCodeGrant(taxes.config, new URL(taxes.back), taxes.checks), /invalid_grant|error/);
  await assert.rejects(rp.fetchUserInfo(taxes.config, taxes.tokens.access_token, taxes.claims.sub));
  // The ID token is no access token.
  await assert.rejects(rp.fetchUserInfo(lab.config, lab.tokens.id_token, lab.claims.sub));
  await context.close();
});

test("the number goes to whom a law lets know it, through the gate, and the person sees it", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const aid = await through(page, "aid", { scope: "openid name iin" });
  assert.deepEqual(aid.info, { sub: aid.claims.sub, name: "Person One", iin: "000000000101" });
  // Nothing about the person stands in a token.
  const told = JSON.stringify([aid.claims, aid.tokens.scope, aid.back]);
  assert.doesNotMatch(told, /000000000101|Person One/);
  // What it did not ask for it does not get.
  const less = await through(page, "aid", { signs: false, scope: "openid name", asks: false });
  assert.deepEqual(Object.keys(less.info).sort(), ["name", "sub"]);
  // Its entry says a law, and the gate finds that this law permits nothing.
  const shop = await through(page, "shop", { signs: false, scope: "openid name" });
  assert.deepEqual(Object.keys(shop.info), ["sub"]);
  // A client whose entry names no law for the number is refused it before anybody is asked.
  const config = await configuration("shop");
  const { url } = await request(config, "shop", { scope: "openid iin" });
  const answer = await fetch(url, { redirect: "manual" });
  assert.match(answer.headers.get("location"), /error=invalid_scope/);
  // The list goes up to the last checkpoint: one that covers the last entry is a moment away.
  let uses = "";
  for (let look = 0; look < 50 && !uses.includes("Bureau SYS-SHOP"); look += 1) {
    await page.goto(`${base}/en/my/uses`);
    uses = await page.locator("main").innerText();
  }
  assert.match(uses, /Bureau SYS-AID/);
  assert.match(uses, /Bureau SYS-SHOP/);
  assert.match(uses, /KZ-PSL-2013|Public Services/);
  await context.close();
});

for (const lang of ["kk", "ru", "en"]) {
  test(`who declines is sent back with an error, and nothing is released, ${lang}`, async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const config = await configuration("clinic");
    const { url, checks } = await request(config, "clinic", { prompt: "consent", ui_locales: lang });
    await page.goto(url.href);
    await signIn(page);
    await seen(page, "consent", lang);
    await page.click("button[value=no]");
    await page.waitForURL(arrived("clinic"));
    await assert.rejects(
      rp.authorizationCodeGrant(config, new URL(page.url()), checks),
      (error) => error.error === "access_denied",
    );
    await context.close();
  });
}

test("without a sign-in prompt=none says so, and a fresh sign-in is asked for where it is wanted", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const config = await configuration("lab");
  const silent = await request(config, "lab", { prompt: "none" });
  await page.goto(silent.url.href);
  await page.waitForURL(arrived("lab"));
  await assert.rejects(
    rp.authorizationCodeGrant(config, new URL(page.url()), silent.checks),
    (error) => error.error === "login_required",
  );
  const first = await through(page, "lab", { asks: false });
  await new Promise((done) => setTimeout(done, 1100));
  const fresh = await request(config, "lab", { prompt: "login" });
  await page.goto(fresh.url.href);
  assert.match(page.url(), /sign-in/);
  await signIn(page);
  await page.waitForURL(arrived("lab"));
  const tokens = await rp.authorizationCodeGrant(config, new URL(page.url()), fresh.checks);
  assert.ok(tokens.claims().auth_time > first.claims.auth_time);
  // Signing out at the service ends the session here and leads back.
  const bye = rp.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token,
    post_logout_redirect_uri: services.lab.redirect.replace("/cb", "/bye"),
  });
  await page.goto(bye.href);
  await page.waitForURL(/\/bye/);
  await page.goto(`${base}/en/my/identity`);
  assert.match(page.url(), /sign-in/);
  await context.close();
});

test("op29: tokens are given to a form that is posted, and to nothing else", async () => {
  for (const method of ["GET", "PUT", "DELETE"]) {
    const answer = await fetch(`${base}/token?grant_type=authorization_code&code=x`, { method });
    assert.equal(answer.status, 405, method);
    assert.equal((await answer.text()).includes("access_token"), false);
  }
});

test("nobody is sent to an address that is not registered, nor without PKCE", async () => {
  const config = await configuration("clinic");
  const { url } = await request(config, "clinic");
  const asked = async (change) => {
    const changed = new URL(url);
    change(changed.searchParams);
    return fetch(changed, { redirect: "manual" });
  };
  for (const change of [
    (query) => query.set("redirect_uri", "https://evil.test/cb"),
    (query) => query.set("redirect_uri", `${services.clinic.redirect}/`),
    (query) => query.set("client_id", "nobody"),
    (query) => query.delete("redirect_uri"),
  ]) {
    const answer = await asked(change);
    assert.equal(answer.status, 400);
    assert.equal(answer.headers.get("location"), null);
  }
  const plain = await asked((query) => query.set("code_challenge_method", "plain"));
  assert.match(plain.headers.get("location"), /error=invalid_request/);
  assert.match(plain.headers.get("location"), /iss=/);
  assert.equal((await fetch(`${base}/token`)).status, 405);
  const empty = await fetch(`${base}/token`, { method: "POST", body: "grant_type=password" });
  assert.ok([400, 401].includes(empty.status));
  assert.equal(empty.headers.get("cache-control"), "no-store");
  assert.equal((await fetch(`${base}/userinfo`)).status, 401);
});
