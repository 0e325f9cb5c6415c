// Bundles the sources to `dist/`. With `--check` it writes nothing and fails if
// a committed file is not what the sources give, or is too large.
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));

/** Greatest sizes in bytes. */
export const limits = { verify: 15_000, page: 4_000, check: 18_500 };

/** The page's script takes the verifier from beside itself. */
const apart = {
  name: "verifier apart",
  setup: ({ onResolve }) => onResolve({ filter: /^\.\/verify\.ts$/ }, () => ({ path: "./verify.js", external: true })),
};

/** `check` is both in one, for a page that is to ask for few files. */
export async function bundle(name) {
  const whole = name === "check";
  const made = await build({
    absWorkingDir: here,
    entryPoints: [`src/${whole ? "page" : name}.ts`],
    plugins: whole ? [] : [apart],
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
  for (const [name, limit] of Object.entries(limits)) {
    const [bytes, file] = [await bundle(name), join(here, "dist", `${name}.js`)];
    if (bytes.length >= limit) {
      throw new Error(`dist/${name}.js would have ${bytes.length} bytes. It must stay under ${limit}.`);
    }
    if (process.argv.includes("--check")) {
      const kept = await readFile(file);
      if (!kept.equals(bytes)) {
        throw new Error(`dist/${name}.js is not what the sources give. Run: npm run build`);
      }
      console.log(`dist/${name}.js is what the sources give: ${bytes.length} bytes.`);
    } else {
      await writeFile(file, bytes);
      console.log(`dist/${name}.js: ${bytes.length} bytes.`);
    }
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main();
