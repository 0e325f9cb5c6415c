// The page's script in a real browser, under the policy a strict server sends.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { launch } from "./chromium.ts";
import * as w from "./world.ts";

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const world = w.makeWorld();
const secret = world.secret.toString("hex");
const html = await readFile("test/page.html", "utf8");

/** What the server gives out; an absent path is not found. */
type Files = Record<string, string | Buffer>;
const good: Files = {
  "/": html,
  "/proof": w.proofText(world.parts),
  "/policy": world.policy,
  "/anchor": world.anchor,
  "/page.js": await readFile("dist/page.js"),
  "/verify.js": await readFile("dist/verify.js"),
};
let files: Files = good;
/** Everything that came in, so that a secret would show. */
let heard = "";
/** Holds an answer back until it is fulfilled. */
let hold: Promise<void> | undefined;

const server = createServer(async (request, response) => {
  heard += `${request.method} ${request.url} ${JSON.stringify(request.headers)}\n`;
  for await (const part of request) heard += part;
  const path = new URL(request.url!, "http://x").pathname;
  const found = files[path];
  if (path === "/proof") await hold;
  const type = path.endsWith(".js") ? "text/javascript" : path === "/" ? "text/html" : "text/plain";
  response.writeHead(found === undefined ? 404 : 200, { "content-type": type, "content-security-policy": policy });
  response.end(found);
});

let browser: Browser;
let port: number;

before(async () => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  ({ port } = server.address() as AddressInfo);
  browser = await launch("--host-resolver-rules=MAP plain.example 127.0.0.1");
});

after(async () => {
  await browser?.close();
  server.close();
});

interface Opened {
  page: Page;
  context: BrowserContext;
  /** Types a secret, asks, and gives the state and the sentence. */
  ask(typed?: string): Promise<[string | undefined, string]>;
  result(): Promise<[string | undefined, string]>;
}

async function opened(
  work: (there: Opened) => Promise<void>,
  over: Files = {},
  {
    url = `http://127.0.0.1:${port}/`,
    now = w.now,
    ...options
  }: BrowserContextOptions & { url?: string; now?: number } = {},
): Promise<void> {
  files = { ...good, ...over };
  for (const [path, file] of Object.entries(files)) if (file === "") delete files[path];
  heard = "";
  const context = await browser.newContext({ timezoneId: "Asia/Almaty", ...options });
  const page = await context.newPage();
  await page.clock.setFixedTime(now * 1000);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // A file that is not there is a case of its own below.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      complaints.push(message.text());
  });
  await page.goto(url);
  const output = page.locator("[data-kepil-result]");
  const result = async (): Promise<[string | undefined, string]> => [
    (await output.getAttribute("data-kepil-result")) || undefined,
    (await output.textContent())!,
  ];
  const ask = async (typed = secret): Promise<[string | undefined, string]> => {
    await page.locator("input").fill(typed);
    await page.locator("button").click();
    await page.waitForFunction(() => {
      const state = document.querySelector("[data-kepil-result]")!.getAttribute("data-kepil-result");
      return state !== "" && state !== "checking";
    });
    return result();
  };
  try {
    await work({ page, context, ask, result });
    assert.deepEqual(complaints, [], "the browser complains of nothing");
    assert.ok(!heard.toLowerCase().includes(secret), "the secret was sent");
  } finally {
    await context.close();
  }
}

const complete =
  "Complete until November 20, 2026 at 5:00 PM GMT+5. Uses: 7. Shown: 3, erased: 1, kept back: 2, not opened: 1. " +
  "Confirmed at November 20, 2026 at 5:00 PM GMT+5. Kept back beyond its day: 1.";

test("a good proof, and again", async () => {
  await opened(async ({ page, ask, result }) => {
    assert.deepEqual(await result(), [undefined, ""]);
    assert.deepEqual(await ask(), ["ok", `${complete} This device remembers the list.`]);
    assert.equal(await page.locator("input").inputValue(), "", "the secret is gone");
    assert.equal(page.url(), `http://127.0.0.1:${port}/`, "nobody went anywhere");
    const again = `${complete} Nothing is missing that was there on November 20, 2026 at 5:01 PM GMT+5. This device remembers the list.`;
    assert.deepEqual(await ask(secret.toUpperCase()), ["ok", again]);
    await page.reload();
    assert.deepEqual(await ask(` ${secret}\n`), ["ok", again]);
    assert.ok(!(await page.content()).includes(secret));
    const kept = await page.evaluate(() => JSON.stringify(localStorage));
    assert.ok(!kept.includes(secret) && kept.includes("kepil-proof/202611/"));
  });
});

test("a closed month", async () => {
  const end = Date.UTC(2026, 11, 1) / 1000 + 86_400;
  const closed = w.makeWorld({ headTime: end, cosigned: [end, end, end, end], states: ["shown"] });
  await opened(
    async ({ ask }) => {
      const [state, sentence] = await ask();
      assert.equal(state, "ok");
      assert.match(sentence, /^Complete until December 2, .* The month is closed\. This device remembers/);
    },
    { "/proof": w.proofText(closed.parts) },
    { now: end + 1e7 },
  );
});

test("broken proofs", async () => {
  const broken = w.makeWorld();
  (broken.parts.rows[0] as { salt: Buffer }).salt = w.fill(1);
  const hidden = w.makeWorld();
  hidden.parts.entries.pop();
  hidden.parts.rows.pop();
  const proof = good["/proof"] as string;
  const map = "The list is not complete, or the secret is not yours.";
  const cases: [string, string, string | Buffer][] = [
    ["row", "A row is not what was recorded.", w.proofText(broken.parts)],
    ["map", map, w.proofText(hidden.parts)],
    ["malformed", "The file is no proof.", "<!doctype html>"],
    ["malformed", "The file is no proof.", `\ufeff${proof}`],
    [
      "malformed",
      "The file is no proof.",
      Buffer.concat([Buffer.from(`${proof}— `), w.fill(0xff), Buffer.from(" AAAAAAA=\n")]),
    ],
    // The page has no words for it.
    ["not_last", "not_last", proof.replace(/^index .*$/m, "index 0")],
  ];
  for (const [state, sentence, file] of cases) {
    await opened(
      async ({ page, ask }) => {
        assert.deepEqual(await ask(), [state, sentence]);
        assert.equal(await page.evaluate(() => localStorage.length), 0, "a fault is not remembered");
      },
      { "/proof": file },
    );
  }
});

test("a wrong secret, and what is none", async () => {
  await opened(async ({ page, ask }) => {
    const other = w.secretOf(1).toString("hex");
    assert.deepEqual(await ask(other), ["map", "The list is not complete, or the secret is not yours."]);
    assert.equal(await page.locator("input").inputValue(), other, "to be looked at again");
    assert.ok(!heard.includes(other));
    const before = heard;
    for (const typed of ["1", secret.slice(1), `${secret}0`, `0x${secret}`, `g${secret.slice(1)}`]) {
      assert.deepEqual(await ask(typed), ["secret", "A secret has 64 digits from 0 to 9 and a to f."]);
    }
    assert.equal(heard, before, "nothing is fetched for it");
    assert.equal((await ask())[0], "ok", "and then the right one");
  });
});

test("offline", async () => {
  await opened(async ({ page, context, ask }) => {
    await context.setOffline(true);
    assert.deepEqual(await ask(), ["offline", "The proof could not be fetched."]);
    await context.setOffline(false);
    await page.locator("button").click();
    await page.waitForSelector("[data-kepil-result=ok]");
  });
  for (const path of ["/proof", "/policy", "/anchor"]) {
    await opened(async ({ ask }) => assert.equal((await ask())[0], "offline"), { [path]: "" });
  }
});

test("a list that grew, one that shrank, and another person", async () => {
  const after = (states: w.State[]): string => w.proofText(w.makeWorld({ states }).parts);
  await opened(
    async ({ page, ask }) => {
      assert.match((await ask())[1], /Uses: 2\. .* This device remembers the list\.$/);
      files["/proof"] = after(["shown", "shown", "shown"]);
      assert.match((await ask())[1], /Uses: 3\. .* Nothing is missing that was there on /);
      files["/proof"] = after(["shown", "shown"]);
      const shrunk = ["shrunk", "An entry of before is missing."];
      assert.deepEqual(await ask(), shrunk);
      await page.reload();
      assert.deepEqual(await ask(), shrunk, "a fault does not make it forget");

      // Another on the same device is not taken for the first.
      const other = w.makeWorld({ states: ["shown"] });
      const entries = [{ index: 2, commitment: other.leaves[2]!.subarray(1) }];
      const tags = [0, 1, 2, 3, 4].map((person) => w.tagOf(w.secretOf(person), w.period));
      const own = other.parts.entries;
      const placed = tags.map((tag, i) => ({ tag, leaf: w.mapLeaf(tag, i === 0 ? own : i === 1 ? entries : []) }));
      const siblings = w.mapPath(tags[1]!, placed, 3);
      files["/proof"] = w.proofText({ ...other.parts, siblings, entries, rows: [] });
      const [state, sentence] = await ask(w.secretOf(1).toString("hex"));
      assert.equal(state, "ok");
      assert.match(sentence, /Uses: 1\. .* This device remembers the list\.$/);
      assert.doesNotMatch(sentence, /Nothing is missing/);
      assert.equal(await page.evaluate(() => localStorage.length), 2);
    },
    { "/proof": after(["shown", "shown"]) },
  );
});

test("a device that cannot remember", async () => {
  const forgotten = ["ok", `${complete} This device cannot remember the list.`];
  await opened(async ({ page, ask }) => {
    await page.evaluate(() => {
      Storage.prototype.setItem = () => {
        throw new DOMException("", "QuotaExceededError");
      };
    });
    assert.deepEqual(await ask(), forgotten);
  });
  await opened(async ({ page, ask }) => {
    await page.evaluate(() =>
      Object.defineProperty(window, "localStorage", {
        get: () => {
          throw new DOMException("", "SecurityError");
        },
      }),
    );
    assert.deepEqual(await ask(), forgotten);
  });
});

test("times and numbers in the language of the document", async () => {
  const many = w.makeWorld({ states: Array.from({ length: 1200 }, () => "none") });
  const spoken = {
    en: ["November 20, 2026 at 5:00 PM GMT+5", "1,200"],
    ru: ["20 ноября 2026 г. в 17:00 GMT+5", "1 200"],
    // What Chromium does not speak, whether it says so (Kyrgyz) or not (Kazakh).
    kk: ["2026-11-20 17:00 GMT+5", "1 200"],
    ky: ["2026-11-20 17:00 GMT+5", "1 200"],
  };
  for (const [language, [time, count]] of Object.entries(spoken)) {
    await opened(
      async ({ ask }) => {
        const [, sentence] = await ask();
        const plain = sentence.replace(/[\u00a0\u202f]/g, " ");
        assert.ok(plain.startsWith(`Complete until ${time}`), plain);
        assert.ok(plain.includes(`Uses: ${count}.`), plain);
      },
      { "/": html.replace('lang="en"', `lang="${language}"`), "/proof": w.proofText(many.parts) },
      { locale: "de-DE" },
    );
  }
});

test("while it checks", async () => {
  let release = (): void => {};
  await opened(async ({ page, result }) => {
    hold = new Promise((done) => (release = done));
    await page.locator("input").fill(secret);
    await page.locator("input").press("Enter");
    await page.waitForSelector("[data-kepil-result=checking]");
    assert.deepEqual(await result(), ["checking", "Checking…"]);
    await page.locator("input").press("Enter");
    await page.locator("button").click();
    release();
    await page.waitForSelector("[data-kepil-result=ok]");
    assert.equal(heard.match(/^GET \/proof /gm)?.length, 1, "one check at a time");
  }).finally(() => {
    hold = undefined;
    release();
  });
});

test("two months on one page", async () => {
  const section = html.slice(html.indexOf("<section"), html.indexOf("</section>") + 10);
  const second = section.replace('data-period="202611"', 'data-period="202610"');
  await opened(
    async ({ page }) => {
      for (const [i, state] of ["ok", "head"].entries()) {
        const there = page.locator("section").nth(i);
        await there.locator("input").fill(secret);
        await there.locator("button").click();
        await there.locator(`[data-kepil-result=${state}]`).waitFor();
      }
    },
    { "/": html.replace(section, section + second) },
  );
});

test("without script, without the verifier, without WebCrypto nobody is asked for a secret", async () => {
  const silent = "Your browser cannot check it here.";
  const hidden = async ({ page }: Opened): Promise<void> =>
    assert.equal(await page.locator("input").isVisible(), false);
  await opened(
    async (there) => {
      await hidden(there);
      assert.deepEqual(await there.result(), [undefined, silent]);
    },
    {},
    { javaScriptEnabled: false },
  );
  await opened(
    async (there) => {
      await hidden(there);
      assert.deepEqual(await there.result(), [undefined, silent]);
    },
    { "/verify.js": "" },
  );
  await opened(
    async (there) => {
      await hidden(there);
      assert.deepEqual(await there.result(), ["unsupported", "Your browser cannot check signatures."]);
    },
    {},
    { url: `http://plain.example:${port}/` },
  );
});

test("markup that would send the secret does not", async () => {
  const careless = html.replace('<form method="dialog" hidden>', '<form action="/steal" method="get">');
  await opened(
    async ({ page, ask }) => {
      assert.equal((await ask())[0], "ok");
      assert.ok(!heard.includes("/steal"));
      assert.equal(new URL(page.url()).pathname, "/");
    },
    { "/": careless },
  );
});

test("other sections, and those that lack something, are left alone", async () => {
  const bare =
    "<section data-kepil-proof></section><section data-kepil-proof><form></form></section><section><form></form></section>";
  await opened(async ({ ask }) => assert.equal((await ask())[0], "ok"), {
    "/": html.replace("<body>", `<body>${bare}`),
  });
});
