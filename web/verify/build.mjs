// Bundles the sources to `dist/verify.js`. With `--check` it writes nothing and
// fails if the committed file is not what the sources give, or is too large.
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
export const limit = 15_000;
export const target = join(here, "dist", "verify.js");

export async function bundle() {
  const made = await build({
    absWorkingDir: here,
    entryPoints: ["src/verify.ts"],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    write: false,
  });
  return made.outputFiles[0].contents;
}

async function main() {
  const bytes = await bundle();
  if (bytes.length >= limit) {
    throw new Error(`The bundle has ${bytes.length} bytes. It must stay under ${limit}.`);
  }
  if (process.argv.includes("--check")) {
    const kept = await readFile(target);
    if (!kept.equals(bytes)) {
      throw new Error("dist/verify.js is not what the sources give. Run: npm run build");
    }
    console.log(`dist/verify.js is what the sources give: ${bytes.length} bytes.`);
  } else {
    await writeFile(target, bytes);
    console.log(`dist/verify.js: ${bytes.length} bytes.`);
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main();
