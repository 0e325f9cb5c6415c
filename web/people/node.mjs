// A node with invented people, and a browser beside it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Starts the demonstration and waits until it serves; gives its address by name. */
export async function startNode() {
  const binary = process.env.KEPIL;
  assert.ok(binary && existsSync(binary), "Set KEPIL to the path of the binary.");
  const folder = await mkdtemp(join(tmpdir(), "kepil-people-"));
  const port = await freePort();
  const args = ["demo", "--dir", join(folder, "demo"), "--listen", `127.0.0.1:${port}`];
  const child = spawn(binary, args, { stdio: ["ignore", "pipe", "inherit"] });
  const said = [];
  await new Promise((done, failed) => {
    child.once("exit", (code) => failed(new Error(`the demo ended with ${code}: ${said.join("\n")}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      said.push(line);
      if (line.startsWith("Serving")) done();
    });
  });
  return {
    base: `http://localhost:${port}`,
    /** The code that was sent to a telephone, as the modem's program would find it. */
    code: async (to) => {
      const out = join(folder, "demo", "sms", "out");
      for (let look = 0; look < 50; look += 1) {
        for (const name of (await readdir(out)).filter((n) => n.endsWith(".json"))) {
          const message = JSON.parse(await readFile(join(out, name), "utf8"));
          const code = message.text.match(/(?<!\d)\d{6}(?!\d)/);
          await rm(join(out, name));
          if (message.to === to && code) return code[0];
        }
        await new Promise((done) => setTimeout(done, 100));
      }
      throw new Error(`no code went to ${to}`);
    },
    stop: async () => {
      child.removeAllListeners("exit");
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGINT");
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function startBrowser() {
  assert.ok(existsSync(executablePath), `There is no browser at ${executablePath}. Set CHROMIUM to the path of one.`);
  return chromium.launch({
    executablePath,
    args: [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  });
}

/** Comes in as one of the invented people. */
export async function comeIn(page, base, lang, person = "person-04") {
  await page.goto(`${base}/${lang}/sign-in`);
  await page.getByRole("button", { name: person, exact: true }).click();
  await page.waitForURL(/\/(my\/uses|desk|supervision)/);
}
