// Each text format: its right forms, and wrong ones that lie near.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAnchor } from "../src/anchor.ts";
import { parseBlock } from "../src/block.ts";
import { Fault } from "../src/fault.ts";
import { parseCheckpoint, parseKey, parseProofFile } from "../src/note.ts";
import { cosignedUntil, parsePolicy } from "../src/policy.ts";
import * as w from "./world.ts";

async function refuses(work: () => unknown, what: string): Promise<void> {
  await assert.rejects(
    async () => work(),
    (error) => error instanceof Fault && error.code === "malformed",
    what,
  );
}

const world = w.makeWorld();
const key = w.log.vkey;
const [k0, k1, k2] = w.witnesses.map((witness) => witness.vkey) as [string, string, string];

test("keys", async () => {
  assert.equal((await parseKey(key, [1], "")).name, w.origin);
  const odd = w.vkey("a/b", 1, w.fill(255));
  assert.ok(odd.vkey.slice(4).includes("/"), "base64 with its own signs");
  await parseKey(odd.vkey, [1], "");
  const plus = w.vkey("a", 1, Buffer.concat([w.fill(0xfb, 31), w.fill(0xef, 1)]));
  assert.ok(plus.vkey.split("+").length > 3);
  await parseKey(plus.vkey, [1], "");
  const [name, id, coded] = key.split("+") as [string, string, string];
  const bad = {
    "no name": `+${id}+${coded}`,
    "a space in the name": `a b+${id}+${coded}`,
    "a wide space in the name": `a\u3000b+${id}+${coded}`,
    "another name": `x${name}+${id}+${coded}`,
    "another id": `${name}+00000000+${coded}`,
    "id in capitals": `${name}+${id.toUpperCase()}+${coded}`,
    "a short id": `${name}+${id.slice(1)}+${coded}`,
    "no key": `${name}+${id}+`,
    "no parts": name,
    "bits behind the end": `${name}+${id}+${coded}=`,
    "too short": w.vkey(name, 1, w.fill(1, 31)).vkey,
    "too long": w.vkey(name, 1, w.fill(1, 33)).vkey,
    "a cosigner's": k0,
    "an unknown type": w.vkey(name, 2, w.fill(1)).vkey,
    "ML-DSA of the wrong length": w.vkey(name, 6, w.fill(1)).vkey,
  };
  assert.match(id, /[a-f]/);
  for (const [what, vkey] of Object.entries(bad)) await refuses(() => parseKey(vkey, [1, 6], ""), what);
});

test("policies", async () => {
  const good = [
    `log ${key}\nquorum none\n`,
    `quorum none\n`,
    `log ${key} https://log.example/\nwitness w ${k0} https://w.example/\nquorum w\n`,
    `\n \t\n# words\n  # more\nlog\t${key} \n\twitness  w \t ${k0}\nquorum w`.concat("\n"),
    `witness a ${k0}\nwitness b ${k1}\ngroup g 2 a b\nquorum g\n`,
    `witness қ ${k0}\nquorum қ\n`,
    `witness a ${k0}\ngroup g any a\ngroup h all g\nquorum h\nlog ${key}\n`,
    // One key may be that of a log and of a cosigner: the types keep them apart.
    `log ${key}\nwitness a ${w.signer("x", 4, w.fill(1)).vkey}\nquorum a\n`,
  ];
  for (const text of good) await parsePolicy(text);
  assert.equal((await parsePolicy(good[0] + `log ${w.signer(w.origin, 1, w.fill(2)).vkey}\n`)).logs.length, 2);
  await parsePolicy(`#${"x".repeat(2 ** 20 - 14)}\nquorum none\n`);
  assert.equal((await parsePolicy(w.policyText)).witnesses.length, 4);
  const bad = {
    "no quorum": `log ${key}\n`,
    empty: "",
    "two quorums": `quorum none\nquorum none\n`,
    "no last newline": `quorum none`,
    "a carriage return": `quorum none\r\n`,
    "a DEL": `# \x7f\nquorum none\n`,
    "a NUL": `# \0\nquorum none\n`,
    "a lone surrogate": `# \ud800\nquorum none\n`,
    "an unknown word": `logs ${key}\nquorum none\n`,
    "a word in capitals": `LOG ${key}\nquorum none\n`,
    "a log without key": `log\nquorum none\n`,
    "too much of a log": `log ${key} a b\nquorum none\n`,
    "a log twice": `log ${key}\nlog ${key}\nquorum none\n`,
    "a log's key under two names": `log ${key}\nlog ${w.signer("other", 1, w.fill(1)).vkey}\nquorum none\n`,
    "a log's key of another type": `log ${w.vkey("log", 6, w.fill(3, 1312)).vkey}\nquorum none\n`,
    "a cosigner's key for a log": `log ${k0}\nquorum none\n`,
    "a log's key for a cosigner": `witness a ${key}\nquorum a\n`,
    "a cosigner twice": `witness a ${k0}\nwitness b ${k0}\nquorum a\n`,
    "a name twice": `witness a ${k0}\nwitness a ${k1}\nquorum a\n`,
    "a group named as a cosigner": `witness a ${k0}\ngroup a any a\nquorum a\n`,
    "none for a name": `witness none ${k0}\nquorum none\n`,
    "none in a group": `witness a ${k0}\ngroup g any none a\nquorum g\n`,
    "an unknown member": `witness a ${k0}\ngroup g any b\nquorum a\n`,
    "a member of later": `group g any a\nwitness a ${k0}\nquorum g\n`,
    "a group in itself": `witness a ${k0}\ngroup g any g a\nquorum g\n`,
    "a member twice": `witness a ${k0}\ngroup g any a a\nquorum g\n`,
    "a member of two groups": `witness a ${k0}\nwitness b ${k1}\ngroup g any a\ngroup h any a b\nquorum g\n`,
    "no members": `group g any\nquorum g\n`,
    "none of them": `witness a ${k0}\ngroup g 0 a\nquorum g\n`,
    "more than there are": `witness a ${k0}\ngroup g 2 a\nquorum g\n`,
    "a leading zero": `witness a ${k0}\ngroup g 01 a\nquorum g\n`,
    most: `witness a ${k0}\ngroup g most a\nquorum g\n`,
    "a quorum of later": `quorum a\nwitness a ${k0}\n`,
    "a quorum of two": `witness a ${k0}\nwitness b ${k1}\nquorum a b\n`,
    "a byte more than 1 MiB": `#${"x".repeat(2 ** 20 - 13)}\nquorum none\n`,
    "more than 1 MiB in bytes": `#${"қ".repeat(2 ** 19)}\nquorum none\n`,
  };
  for (const [what, text] of Object.entries(bad)) await refuses(() => parsePolicy(text), what);
});

test("quorums of groups in groups", async () => {
  const policy = await parsePolicy(
    `witness a ${k0}\nwitness b ${k1}\nwitness c ${k2}\ngroup ab any a b\ngroup all all ab c\nquorum all\n`,
  );
  const until = (a?: number, b?: number, c?: number) => {
    const times = new Map(
      policy.witnesses.map((key, i) => [key, [a, b, c][i]] as const).filter(([, time]) => time !== undefined),
    );
    return cosignedUntil(policy, times as Map<(typeof policy.witnesses)[0], number>);
  };
  assert.equal(until(5, 9, 7), 7);
  assert.equal(until(5, undefined, 7), 5);
  assert.equal(until(5, 9, undefined), undefined);
  assert.equal(until(undefined, undefined, 7), undefined);
});

test("checkpoints", async () => {
  const { body } = world.parts;
  const [line] = world.parts.lines as [string];
  const [name, size, root] = body.split("\n") as [string, string, string];
  const good = parseCheckpoint(`${body}\n${line}`);
  assert.equal(good.origin, w.origin);
  assert.equal(good.size, world.leaves.length);
  assert.deepEqual(Buffer.from(good.body), Buffer.from(body));
  parseCheckpoint(`a b+c\n0\n${root}\n\n— x AAAAAAA=\n`);
  parseCheckpoint(`${body}\n${line.repeat(1000)}`);
  const bad = {
    empty: "",
    "no signature": `${body}\n`,
    "no empty line": `${body}${line}`,
    "no last newline": `${body}\n${line}`.slice(0, -1),
    "an empty line at the end": `${body}\n${line}\n`,
    "an extension line": `${body}more\n\n${line}`,
    "two empty lines": `${body}\n\n${line}`,
    "no origin": `\n${size}\n${root}\n\n${line}`,
    "a leading zero": `${name}\n0${size}\n${root}\n\n${line}`,
    "no size": `${name}\n\n${root}\n\n${line}`,
    "a size beyond numbers": `${name}\n9007199254740992\n${root}\n\n${line}`,
    "a short root": `${name}\n${size}\n${root.slice(4)}\n\n${line}`,
    "a root with loose bits": `${name}\n${size}\n${"A".repeat(42)}B=\n\n${line}`,
    "carriage returns": `${body}\n${line}`.replace(/\n/g, "\r\n"),
    "a tab": `a\tb\n${size}\n${root}\n\n${line}`,
    "a lone surrogate": `a\udc00\n${size}\n${root}\n\n${line}`,
    "a hyphen for the dash": `${body}\n${line.replace("—", "-")}`,
    "two spaces": `${body}\n${line.replace("— ", "—  ")}`,
    "a name with plus": `${body}\n— a+b AAAAAAA=\n`,
    "a name with a wide space": `${body}\n— a\u2003b AAAAAAA=\n`,
    "no name": `${body}\n—  AAAAAAA=\n`,
    "a key id alone": `${body}\n— a AAAAAA==\n`,
    "no base64": `${body}\n— a AAAA_AA=\n`,
    "loose bits": `${body}\n— a AAAAAAB=\n`,
  };
  for (const [what, note] of Object.entries(bad)) await refuses(() => parseCheckpoint(note), what);
});

test("proof files", async () => {
  const good = w.proofText(world.parts);
  const file = parseProofFile(good);
  assert.equal(file.index, world.parts.index);
  assert.equal(file.path.length, world.parts.path.length);
  const [head, rest] = [good.slice(0, good.indexOf("\n\n")), good.slice(good.indexOf("\n\n"))];
  const swap = (from: string | RegExp, to: string) => good.replace(from, to);
  const bad = {
    empty: "",
    "an empty line first": `\n${good}`,
    "another version": swap("@v1", "@v2"),
    "a byte order mark": `\ufeff${good}`,
    "no extra": swap(/^extra .*\n/m, ""),
    "extra twice": swap(/^(extra .*\n)/m, "$1$1"),
    "extra after index": swap(/^(extra .*\n)(index .*\n)/m, "$2$1"),
    "no space": swap("extra ", "extra"),
    "two spaces": swap("extra ", "extra  "),
    "loose base64": swap("extra ", "extra A"),
    "no index": swap(/^index .*\n/m, ""),
    "index with zero": swap("index ", "index 0"),
    "index with plus": swap("index ", "index +"),
    "index beyond u64": swap(/^index .*$/m, "index 18446744073709551616"),
    "a short hash": `${head}\nAAAA${rest}`,
    "not a hash": `${head}\nhash${rest}`,
    "carriage returns": swap(/\n/g, "\r\n"),
    "no checkpoint": `${head}\n\n`,
    "no empty line": `${head}\n`,
    "an empty line more": `${head}\n${rest}`,
  };
  for (const [what, text] of Object.entries(bad)) await refuses(() => parseProofFile(text), what);
});

test("anchors", async () => {
  assert.equal((await parseAnchor(w.anchorText)).length, 3);
  const hash = "ab".repeat(32);
  const gate = `${Buffer.from(w.fill(1)).toString("base64")}`;
  const text = (...lines: string[]) => ["kepil-anchor/v1", ...lines].map((line) => `${line}\n`).join("");
  const [law, policy] = [`law ${hash}`, `policy ${hash}`];
  const good = [
    text(law, policy),
    text(law, `gate 0 0 ${gate}`, `gate 4294967295 18446744073709551615 ${gate}`, policy),
    text(law, `gate 2 5 ${gate}`, `gate 1 9 ${gate}`, `gate 2 3 ${gate}`, policy),
    text(law, policy, `next-log-key ${key} 0`, `next-log-key ${key} 1`, `next-log-key ${key} 1`),
  ];
  for (const anchor of good) await parseAnchor(anchor);
  const bad = {
    empty: "",
    "another version": text(law, policy).replace("v1", "v2"),
    "no law": text(policy),
    "no policy": text(law),
    "two laws": text(law, law, policy),
    "two policies": text(law, policy, policy),
    "no last newline": text(law, policy).slice(0, -1),
    "an empty line": text(law, policy, ""),
    "an unknown fact": text(law, policy, "words"),
    "carriage returns": text(law, policy).replace(/\n/g, "\r\n"),
    capitals: text(`law ${hash.toUpperCase()}`, policy),
    "a short hash": text(`law ${hash.slice(2)}`, policy),
    "two spaces": text(`law  ${hash}`, policy),
    "a space at the end": text(`law ${hash} `, policy),
    "a gate before the law": text(`gate 0 0 ${gate}`, law, policy),
    "a depth": text(law, "depth 202611 1", policy),
    "a gate after the policy": text(law, policy, `gate 0 0 ${gate}`),
    "a gate with zero": text(law, `gate 01 0 ${gate}`, policy),
    "a gate beyond u32": text(law, `gate 4294967296 0 ${gate}`, policy),
    "a moment with zero": text(law, `gate 1 00 ${gate}`, policy),
    "a moment beyond u64": text(law, `gate 1 18446744073709551616 ${gate}`, policy),
    "a short key": text(law, `gate 1 0 AAAA`, policy),
    "a loose key": text(law, `gate 1 0 ${"A".repeat(42)}B=`, policy),
    "a gate twice at one moment": text(law, `gate 1 0 ${gate}`, `gate 1 0 ${"A".repeat(43)}=`, policy),
    "a next key that is none": text(law, policy, "next-log-key x 0"),
    "a next key of a cosigner": text(law, policy, `next-log-key ${k0} 0`),
    "a next key with zero": text(law, policy, `next-log-key ${key} 00`),
    "a next key before the policy": text(law, `next-log-key ${key} 0`, policy),
    "more than 1 MiB": text(law, policy, ...Array.from({ length: 12_000 }, () => `next-log-key ${key} 0`)),
  };
  for (const [what, anchor] of Object.entries(bad)) await refuses(() => parseAnchor(anchor), what);
});

test("blocks", async () => {
  const good = w.blockBytes(world.parts);
  const parse = (bytes: Uint8Array) => parseBlock(Uint8Array.from(bytes));
  assert.equal(parse(good).entries.length, 7);
  for (let length = 0; length < good.length; length++)
    await refuses(() => parse(good.subarray(0, length)), `cut at ${length}`);
  await refuses(() => parse(Buffer.concat([good, w.u8(0)])), "a byte more");

  const small = (over: Partial<w.Parts>) =>
    w.blockBytes({ ...world.parts, siblings: [], head: w.u8(1), entries: [], rows: [], ...over });
  const patched = (bytes: Buffer, at: number, value: number) => {
    const copy = Buffer.from(bytes);
    copy[at] = value;
    return copy;
  };
  parse(small({}));
  await refuses(() => parse(patched(small({}), 0, 2)), "version 2");
  const one = small({ siblings: [w.fill(1)] });
  parse(one);
  await refuses(() => parse(patched(one, 6, 3)), "an unused bit");
  await refuses(() => parse(patched(one, 6, 0x81)), "the last unused bit");
  const zeroSent = Buffer.from(one);
  zeroSent.fill(0, 7, 39);
  await refuses(() => parse(zeroSent), "a zero sibling sent");
  assert.deepEqual(parse(small({ siblings: [w.fill(0), w.fill(2)] })).siblings, [
    new Uint8Array(32),
    new Uint8Array(32).fill(2),
  ]);
  await refuses(() => parse(patched(small({}), 9, 255)), "more entries than bytes");
  await refuses(() => parse(patched(small({}), 13, 255)), "more rows than entries");

  const rows = (...positions: number[]) => ({
    ...world.parts,
    rows: positions.map((position) => ({ ...world.parts.rows[1]!, position })),
  });
  parse(w.blockBytes(rows(0, 6)));
  await refuses(() => parse(w.blockBytes(rows(1, 1))), "a row twice");
  await refuses(() => parse(w.blockBytes(rows(2, 1))), "rows descending");
  await refuses(() => parse(w.blockBytes(rows(7))), "a row beyond the list");
  // Laid out like a row kept back, so that only the state is wrong.
  const kept = world.parts.rows.find((row) => row.state === 3)!;
  const block = w.blockBytes({ ...world.parts, rows: [kept] });
  const at = block.length - w.blockBytes({ ...world.parts, rows: [] }).length;
  const state = block.length - at + 4;
  assert.equal(block[state], 3);
  for (const other of [0, 1, 2, 4, 255]) await refuses(() => parse(patched(block, state, other)), `state ${other}`);
});

test("rows", async () => {
  const take = (row: w.RowOut) =>
    parseBlock(Uint8Array.from(w.blockBytes({ ...world.parts, rows: [{ ...row, position: 0 }] })));
  const [shown, erased, , kept] = world.parts.rows as [w.RowOut, w.RowOut, w.RowOut, w.RowOut];

  for (const type of [1, 2, 3, 4]) take({ ...shown, type } as w.RowOut);
  for (const type of [0, 5, 255]) await refuses(() => take({ ...shown, type } as w.RowOut), `type ${type}`);
  for (const decision of [1, 2, 3, 4]) take({ ...shown, decision } as w.RowOut);
  for (const decision of [0, 5, 255])
    await refuses(() => take({ ...shown, decision } as w.RowOut), `decision ${decision}`);
  for (const decision of [1, 2, 3]) take({ ...shown, type: 2, decision } as w.RowOut);
  await refuses(() => take({ ...shown, type: 2, decision: 5 } as w.RowOut), "outcome 5");

  // A leaf of any type, if it is of its form: what it means for the entry is another step.
  const lengths = { 1: 33, 2: 53, 3: 45, 4: 37, 5: 41, 7: 33, 10: 45 };
  const top = 2n ** 64n - 1n;
  const good = [
    ...Object.entries(lengths).map(([type, length]) => Buffer.concat([w.u8(+type), w.fill(0, length - 1)])),
    w.headLeaf(9, 1, [
      [202611, w.fill(1)],
      [202610, w.fill(1)],
    ]),
    ...[1, 2, 3].map((degree) => w.erasureLeaf(3, 5, 3, degree)),
    w.erasureLeaf(0, top, 2 ** 32 - 1),
    w.erasureLeaf(top, top, 1),
    w.keepingLeaf(1, 0, 0, w.fill(1)),
    w.keepingLeaf(2, 0, 0, w.fill(1)),
  ];
  const bad = [
    Buffer.alloc(0),
    ...[...good.slice(0, 7), w.erasureLeaf(3, 5, 3), w.keepingLeaf(1, 0, 0, w.fill(1))].flatMap((leaf) => [
      leaf.subarray(0, 1),
      leaf.subarray(0, -1),
      Buffer.concat([leaf, w.u8(0)]),
    ]),
    w.headLeaf(9, 1, [
      [202610, w.fill(1)],
      [202611, w.fill(1)],
    ]),
    w.headLeaf(9, 1, [
      [202611, w.fill(1)],
      [202611, w.fill(1)],
    ]),
    ...[0, 8, 11, 255].flatMap((type) => Object.values(lengths).map((n) => Buffer.concat([w.u8(type), w.fill(0, n)]))),
    ...[0, 4, 255].map((degree) => w.erasureLeaf(3, 5, 3, degree)),
    ...[1, 2, 3].flatMap((degree) => [
      w.erasureLeaf(3, 5, 4, degree),
      w.erasureLeaf(3, 5, 0, degree),
      w.erasureLeaf(5, 3, 1, degree),
      w.erasureLeaf(5, 4, 0, degree),
    ]),
    w.erasureLeaf(top, top, 2),
    w.erasureLeaf(top - 5n, top - 6n, 1),
    ...[0, 3, 255].map((kind) => w.keepingLeaf(kind, 0, 0, w.fill(1))),
  ];
  for (const row of [erased, kept]) {
    for (const leaf of good) take({ ...row, leaf } as w.RowOut);
    for (const leaf of bad)
      await refuses(() => take({ ...row, leaf } as w.RowOut), `${row.state} ${leaf.toString("hex")}`);
  }

  take({ ...kept, ground: Buffer.from("") } as w.RowOut);
  for (const ground of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]])
    await refuses(() => take({ ...kept, ground: Buffer.from(ground) } as w.RowOut), `ground ${ground}`);
});
