// Every code of the specification's table, and the edges between them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Code, type Input, verifyCompleteness } from "../src/verify.ts";
import * as w from "./world.ts";

const { now, period } = w;

async function gives(code: Code, what: string, world: w.World, over: object = {}): Promise<void> {
  const found = await verifyCompleteness(w.inputOf(world, over));
  assert.equal(found.code, code, `${what} (at: ${found.at})`);
}

/** A fresh world, changed without sealing it again. */
function changed(change: (parts: w.Parts, world: w.World) => void, options?: w.Options): w.World {
  const world = w.makeWorld(options);
  change(world.parts, world);
  return world;
}

/** A fresh world, changed and sealed again: what a dishonest log could sign. */
function resealed(change: (parts: w.Parts, world: w.World) => void, options?: w.Options): w.World {
  const world = changed(change, options);
  w.reseal(world, options?.cosigned);
  return world;
}

const rowOf = <S extends 1 | 2 | 3>(parts: w.Parts, state: S) =>
  parts.rows.find((row) => row.state === state) as Extract<w.RowOut, { state: S }>;

test("ok: the counts of a good proof", async () => {
  const world = w.makeWorld();
  const { code, result } = await verifyCompleteness(w.inputOf(world));
  assert.equal(code, "ok");
  const { rows, memory, ...rest } = result!;
  const entries = world.parts.entries.map(({ index, commitment }) => [index, commitment.toString("hex")]);
  assert.deepEqual(memory, { size: world.leaves.length, entries });
  await gives("ok", "its own memory", world, { memory });
  assert.deepEqual(rest, {
    completeUntil: w.headTime,
    closed: false,
    cosignedUntil: now - 40,
    count: 7,
    shown: 3,
    erased: 1,
    deferred: 1,
    withheld: 1,
    notOpened: 1,
    overdue: 1,
  });
  assert.deepEqual(
    rows.map(({ state, index }) => [state, index]),
    [
      ["shown", 1],
      ["erased", 3],
      ["shown", 5],
      ["deferred", 7],
      ["withheld", 11],
      ["shown", 13],
    ],
  );
});

test("ok: no entries, no rows, one person alone, a deep path", async () => {
  await gives("ok", "no entries", w.makeWorld({ states: [] }));
  await gives("ok", "one person, no levels", w.makeWorld({ people: 1, depth: 0 }));
  await gives("ok", "one person, 200 levels", w.makeWorld({ people: 1, depth: 200 }));
  await gives("ok", "255 levels", w.makeWorld({ people: 1, depth: 255 }));
  await gives("ok", "many people", w.makeWorld({ people: 40, depth: 2 }));
});

test("malformed: the input itself", async () => {
  const world = w.makeWorld();
  const bad: object[] = [
    { secret: new Uint8Array(31) },
    { secret: undefined },
    { secret: "11".repeat(32) },
    { period: 202600 },
    { period: 202613 },
    { period: "202611" },
    { period: 2026.11 },
    { period: 0 },
    { now: NaN },
    { now: -1 },
    { now: 1.5 },
    { now: undefined },
    { maxAge: -1 },
    { policy: undefined },
    { policy: 5 },
    { policy: "" },
    { anchor: null },
    { anchor: "" },
    { proof: undefined },
    { proof: "" },
    { proof: 7 },
    { proof: ["a"] },
    { memory: 5 },
    { memory: { size: 1 } },
    { memory: { size: 1.5, entries: [] } },
    { memory: { size: 1, entries: [[0, "00"]] } },
    { memory: { size: 1, entries: [["0", "00".repeat(32)]] } },
    { memory: { size: 1, entries: [null] } },
  ];
  for (const over of bad) await gives("malformed", JSON.stringify(over), world, over);
  assert.equal((await verifyCompleteness(undefined as unknown as Input)).code, "malformed");
  assert.equal((await verifyCompleteness({} as Input)).code, "malformed");
});

test("malformed: a file too long to look at", async () => {
  const long = (bytes: number) => changed((p) => p.lines.push(w.noteLine("x", w.fill(0, 4), w.fill(0, bytes))));
  await gives("ok", "12 MiB", long(9 << 20));
  await gives("malformed", "more than 16 MiB", long(12 << 20));
  const proof = w.proofText(w.makeWorld().parts);
  const line = (bytes: number) => `— ${"қ".repeat((bytes - 14) / 2)} AAAAAAA=\n`;
  const room = 2 ** 24 - Buffer.byteLength(proof);
  const even = room % 2 === 0 ? room : room - 1;
  assert.ok(Buffer.byteLength(line(even)) === even);
  await gives("ok", "to the brim in bytes", w.makeWorld(), { proof: proof + line(even) });
  await gives("malformed", "beyond in bytes, not in characters", w.makeWorld(), { proof: proof + line(even + 2) });
});

test("other_log", async () => {
  const other = w.signer("other.example/log", 1, w.fill(1));
  const policy = w.policyText.replace(w.log.vkey, other.vkey);
  await gives("other_log", "another name", w.makeWorld(), { policy });
  await gives("other_log", "no log at all", w.makeWorld(), { policy: w.policyText.replace(/^log .*\n/m, "") });
  await gives("ok", "one of two logs", w.makeWorld(), {
    policy: `log ${w.signer("other.example/log", 1, w.fill(2)).vkey}\n${w.policyText}`,
  });
});

test("log_signature: several keys of one name", async () => {
  const second = w.signer(w.origin, 1, w.fill(2));
  const policy = `log ${second.vkey}\n${w.policyText}`;
  await gives("ok", "the first key alone signed", w.makeWorld(), { policy });
  const both = (seed: Buffer) => changed((p) => p.lines.push(w.logLine({ ...second, seed }, p.body)));
  await gives("ok", "both signed", both(w.fill(2)), { policy });
  await gives("log_signature", "one line is bad", both(w.fill(3)), { policy });
  await gives("ok", "a line by a key that is not in the policy", both(w.fill(3)));
  const onlyOther = changed((p) => (p.lines[0] = w.logLine(second, p.body)));
  await gives("ok", "the second key alone signed", onlyOther, { policy });
  await gives("log_signature", "a key that is not in the policy", onlyOther);
});

test("log_signature", async () => {
  await gives(
    "log_signature",
    "missing",
    changed((p) => p.lines.shift()),
  );
  const wrong = { ...w.log, seed: w.fill(2) };
  await gives(
    "log_signature",
    "by another key",
    changed((p) => (p.lines[0] = w.logLine(wrong, p.body))),
  );
  const short = w.noteLine(w.log.name, w.log.id, w.fill(1, 63));
  await gives(
    "log_signature",
    "too short",
    changed((p) => (p.lines[0] = short)),
  );
  await gives(
    "log_signature",
    "good one and bad one",
    changed((p) => p.lines.push(w.logLine(wrong, p.body))),
  );
  await gives(
    "log_signature",
    "of other words",
    changed((p) => (p.body = p.body.replace("\n", "\n1"))),
  );
  await gives(
    "ok",
    "the same line twice",
    changed((p) => p.lines.push(p.lines[0]!)),
  );
});

test("cosignature", async () => {
  const [first] = w.witnesses as [w.Signer];
  const extra = (line: (body: string) => string) =>
    changed((p) => p.lines.push(line(p.body)), { cosigned: [null, now, now, now] });
  await gives("ok", "60 s ahead", w.makeWorld({ cosigned: [now + 60, now, now, now] }));
  await gives("cosignature", "61 s ahead", w.makeWorld({ cosigned: [now + 61, now, now, now] }));
  await gives("cosignature", "time 0", w.makeWorld({ cosigned: [0, now, now, now] }));
  await gives(
    "cosignature",
    "wrong key",
    extra((body) => w.cosignLine({ ...first, seed: w.fill(9) }, body, now)),
  );
  await gives(
    "cosignature",
    "too short",
    extra(() => w.noteLine(first.name, first.id, w.fill(0, 71))),
  );
  const late = Buffer.concat([w.fill(255, 8), w.fill(0, 64)]);
  await gives(
    "cosignature",
    "a time beyond all",
    extra(() => w.noteLine(first.name, first.id, late)),
  );
  await gives(
    "ok",
    "unknown name",
    extra(() => w.noteLine("w9.example", first.id, w.fill(0, 72))),
  );
  await gives(
    "ok",
    "unknown id",
    extra(() => w.noteLine(first.name, w.fill(0, 4), w.fill(0, 72))),
  );
});

test("quorum", async () => {
  await gives("ok", "two of three and the auditor", w.makeWorld({ cosigned: [now, null, now, now] }));
  await gives("quorum", "one of three", w.makeWorld({ cosigned: [now, null, null, now] }));
  await gives("quorum", "no auditor", w.makeWorld({ cosigned: [now, now, now, null] }));
  await gives(
    "quorum",
    "one witness three times",
    changed((p) => p.lines.push(p.lines[1]!, p.lines[1]!), { cosigned: [now, null, null, now] }),
  );
});

test("quorum: keys this verifier cannot check count as silent", async () => {
  const mlDsa = w.vkey("pq.example", 6, w.fill(3, 1312));
  const asks = (quorum: string) =>
    `log ${w.log.vkey}\nwitness pq ${mlDsa.vkey}\nwitness w0 ${w.witnesses[0]!.vkey}\n${quorum}\n`;
  const line = w.noteLine("pq.example", mlDsa.id, Buffer.concat([w.u64(now), w.fill(1, 2420)]));
  const world = changed((p) => p.lines.push(line));
  await gives("ok", "any", world, { policy: asks("group g any pq w0\nquorum g") });
  await gives("quorum", "all", world, { policy: asks("group g all pq w0\nquorum g") });
  await gives("quorum", "alone", world, { policy: asks("quorum pq") });
  const logKey = w.vkey(w.origin, 6, w.fill(4, 1312));
  await gives("malformed", "a log with such a key", world, { policy: `log ${logKey.vkey}\n${w.policyText}` });
});

test("cosigned until: the greatest time from which on the quorum stands", async () => {
  const until = async (cosigned: (number | null)[]) =>
    (await verifyCompleteness(w.inputOf(w.makeWorld({ cosigned })))).result?.cosignedUntil;
  assert.equal(await until([now - 1, now - 2, now - 3, now - 4]), now - 4);
  assert.equal(await until([now - 5, now - 2, now - 3, now - 1]), now - 3);
  assert.equal(await until([now - 5, null, now - 3, now - 1]), now - 5);
  const twice = changed((p) => p.lines.push(w.cosignLine(w.auditor, p.body, now - 1)), {
    cosigned: [now, now, now, now - 9],
  });
  assert.equal((await verifyCompleteness(w.inputOf(twice))).result?.cosignedUntil, now - 1);
});

test("stale", async () => {
  const old = w.makeWorld({ cosigned: [now, now, now, now - 3600] });
  await gives("ok", "one hour", old);
  await gives("stale", "a second more", old, { now: now + 1 });
  await gives("ok", "a greater age allowed", old, { now: now + 1, maxAge: 3601 });
  await gives("stale", "a smaller age allowed", old, { maxAge: 3599 });
  const end = Date.UTC(2026, 11, 1) / 1000 + 86_400;
  const open = w.makeWorld({ headTime: end - 1, cosigned: [end, end, end, end] });
  await gives("stale", "a second before the month closes", open, { now: end + 1e7 });
  const closed = w.makeWorld({ headTime: end, cosigned: [end, end, end, end] });
  const found = await verifyCompleteness(w.inputOf(closed, { now: end + 1e7 }));
  assert.equal(found.code, "ok");
  assert.equal(found.result?.closed, true);
});

test("stale: under a policy that asks for nobody the head's time counts", async () => {
  const policy = `log ${w.log.vkey}\nquorum none\n`;
  const open = (over: object) => verifyCompleteness(w.inputOf(w.makeWorld(), { policy, ...over }));
  assert.equal((await open({})).result?.cosignedUntil, w.headTime);
  assert.equal((await open({ now: w.headTime + 3600 })).code, "ok");
  assert.equal((await open({ now: w.headTime + 3601 })).code, "stale");
  const end = Date.UTC(2026, 11, 1) / 1000 + 86_400;
  const closed = await verifyCompleteness(w.inputOf(w.makeWorld({ headTime: end }), { policy, now: end + 1e7 }));
  assert.equal(closed.result?.cosignedUntil, end);
  const noHead = resealed((p) => (p.head = Buffer.alloc(0)));
  await gives("head", "a head that cannot be read", noHead, { policy });
});

test("not_last", async () => {
  await gives(
    "not_last",
    "an earlier leaf",
    changed((p) => (p.index -= 1)),
  );
  await gives(
    "not_last",
    "a later leaf",
    changed((p) => (p.index += 1)),
  );
  const late = w.proofText(w.makeWorld().parts).replace(/^index .*$/m, "index 18446744073709551615");
  await gives("not_last", "the last index of all", w.makeWorld(), { proof: late });
  await gives(
    "not_last",
    "an empty log",
    changed((p) => {
      p.body = w.bodyText(w.origin, 0, w.sha256());
      p.index = 0;
      w.signAll(p, [now, now, now, now]);
    }),
  );
});

test("head", async () => {
  const root = w.fill(1);
  const head = (leaf: (covers: number) => Buffer) => resealed((p, world) => (p.head = leaf(world.leaves.length - 1)));
  await gives(
    "head",
    "covers too little",
    head((n) => w.headLeaf(n - 1, w.headTime, [[period, root]])),
  );
  await gives(
    "head",
    "covers too much",
    head((n) => w.headLeaf(n + 1, w.headTime, [[period, root]])),
  );
  await gives(
    "head",
    "covers beyond numbers",
    head(() => w.headLeaf(2n ** 64n - 1n, w.headTime, [[period, root]])),
  );
  await gives(
    "head",
    "another period",
    head((n) => w.headLeaf(n, w.headTime, [[202610, root]])),
  );
  await gives(
    "head",
    "ascending",
    head((n) =>
      w.headLeaf(n, w.headTime, [
        [202610, root],
        [period, root],
      ]),
    ),
  );
  await gives(
    "head",
    "a period twice",
    head((n) =>
      w.headLeaf(n, w.headTime, [
        [period, root],
        [period, root],
      ]),
    ),
  );
  await gives(
    "head",
    "another type",
    head((n) => Buffer.concat([w.u8(3), w.headLeaf(n, w.headTime, [[period, root]]).subarray(1)])),
  );
  await gives(
    "head",
    "too long",
    head((n) => Buffer.concat([w.headLeaf(n, w.headTime, [[period, root]]), w.u8(0)])),
  );
  await gives(
    "head",
    "too short",
    head((n) => w.headLeaf(n, w.headTime, [[period, root]]).subarray(0, 52)),
  );
  await gives(
    "head",
    "empty",
    head(() => Buffer.alloc(0)),
  );
  await gives(
    "head",
    "a time beyond numbers",
    head((n) => w.headLeaf(n, 2n ** 63n, [[period, root]])),
  );
  await gives(
    "head",
    "a proof of another period",
    changed((p) => (p.period = 202610)),
  );
  await gives("head", "another period asked for", w.makeWorld(), { period: 202610 });
});

test("inclusion", async () => {
  await gives(
    "inclusion",
    "one hash less",
    changed((p) => p.path.pop()),
  );
  await gives(
    "inclusion",
    "one hash more",
    changed((p) => p.path.push(w.fill(1))),
  );
  await gives(
    "inclusion",
    "no path",
    changed((p) => (p.path = [])),
  );
  await gives(
    "inclusion",
    "another hash",
    changed((p) => (p.path[0] = w.fill(1))),
  );
  await gives(
    "inclusion",
    "a head that is not in the log",
    changed((p) => {
      p.head = w.headLeaf(p.index, w.headTime, [[period, w.fill(1)]]);
    }),
  );
});

test("order", async () => {
  const over = (i: number, index: number | bigint) => changed((p) => (p.entries[i]!.index = index));
  await gives("order", "equal", over(1, 1));
  await gives("order", "descending", over(0, 4));
  await gives(
    "order",
    "not covered",
    changed((p) => (p.entries.at(-1)!.index = p.index)),
  );
  await gives("order", "beyond numbers", over(6, 2n ** 64n - 1n));
  await gives("order", "beyond numbers, in the middle", over(2, 2n ** 53n));
});

test("map", async () => {
  await gives("map", "another person", w.makeWorld(), { secret: new Uint8Array(w.secretOf(1)) });
  await gives(
    "map",
    "an entry left out",
    changed((p) => (p.entries.pop(), p.rows.pop())),
  );
  await gives(
    "map",
    "an entry more",
    changed((p) => p.entries.push({ index: 14, commitment: w.fill(1) })),
  );
  await gives(
    "map",
    "another index",
    changed((p) => (p.entries[0]!.index = 2)),
  );
  await gives(
    "map",
    "another commitment",
    changed((p) => (p.entries[0]!.commitment = w.fill(1))),
  );
  await gives(
    "map",
    "another sibling",
    changed((p) => (p.siblings[0] = w.fill(1))),
  );
  await gives(
    "map",
    "a shorter path",
    changed((p) => p.siblings.pop()),
  );
  await gives(
    "map",
    "a longer path",
    changed((p) => p.siblings.push(w.fill(1))),
  );
  await gives(
    "map",
    "a longer path of nothing",
    changed((p) => p.siblings.unshift(w.fill(0))),
  );
});

test("row: what was sent does not open the entry", async () => {
  const over = (change: (row: Extract<w.RowOut, { state: 1 }>) => void) => changed((p) => change(rowOf(p, 1)));
  await gives(
    "row",
    "ciphertext",
    over((row) => (row.ciphertext[3]! ^= 1)),
  );
  await gives(
    "row",
    "no ciphertext",
    over((row) => (row.ciphertext = Buffer.alloc(0))),
  );
  await gives(
    "row",
    "a tag alone",
    over((row) => (row.ciphertext = row.ciphertext.subarray(-16))),
  );
  await gives(
    "row",
    "nonce",
    over((row) => (row.nonce = w.fill(1, 24))),
  );
  await gives(
    "row",
    "blind",
    over((row) => (row.blind = w.fill(1))),
  );
  await gives(
    "row",
    "salt",
    over((row) => (row.salt = w.fill(1))),
  );
  await gives(
    "row",
    "time",
    over((row) => (row.time += 1)),
  );
  await gives(
    "row",
    "gate",
    over((row) => (row.gate = 8)),
  );
  await gives(
    "row",
    "decision",
    over((row) => (row.decision = 2)),
  );
  await gives(
    "row",
    "purpose",
    over((row) => (row.purpose = 4)),
  );
  await gives(
    "row",
    "type",
    over((row) => (row.type = 2)),
  );
  await gives(
    "row",
    "signature",
    over((row) => (row.signature = w.fill(1, 64))),
  );
  const swapped = changed((p) => {
    const [first, second] = p.rows.filter((row) => row.state === 1) as [w.RowOut, w.RowOut];
    p.rows = [
      { ...second, position: first.position },
      { ...first, position: second.position },
    ];
  });
  await gives("row", "of another entry", swapped);
});

test("row: committed and signed, yet not of its form", async () => {
  const plain = (bytes: Buffer) => w.makeWorld({ states: ["shown"], record: (r) => ({ ...r, plain: bytes }) });
  const good = () => w.samplePayload(0, 1);
  const coded = (change: (map: ReturnType<typeof good>) => unknown) => {
    const map = good();
    change(map);
    return plain(w.pad(w.cborBytes(map)));
  };
  await gives(
    "ok",
    "good",
    coded(() => 0),
  );
  await gives("row", "empty", plain(Buffer.alloc(0)));
  await gives("row", "nothing but zeros", plain(Buffer.alloc(64)));
  await gives("row", "no padding", plain(Buffer.concat([w.u32(3), w.cborBytes([1, 2])])));
  await gives("row", "a block too many", plain(Buffer.concat([w.pad(w.cborBytes(good())), Buffer.alloc(64)])));
  await gives(
    "row",
    "padding not of zeros",
    plain(
      (() => {
        const bytes = w.pad(w.cborBytes(good()));
        bytes[bytes.length - 1] = 1;
        return bytes;
      })(),
    ),
  );
  await gives("row", "a length beyond", plain(Buffer.concat([w.u32(61), Buffer.alloc(60)])));
  await gives("row", "an array", plain(w.pad(w.cborBytes([1]))));
  await gives(
    "row",
    "version 2",
    coded((map) => map.set(0, 2)),
  );
  await gives(
    "row",
    "no version",
    coded((map) => map.delete(0)),
  );
  await gives(
    "row",
    "no kind",
    coded((map) => map.delete(1)),
  );
  await gives(
    "row",
    "kind 4",
    coded((map) => map.set(1, 4)),
  );
  await gives(
    "row",
    "kind 0",
    coded((map) => map.set(1, 0)),
  );
  await gives(
    "row",
    "no time",
    coded((map) => map.delete(2)),
  );
  await gives(
    "row",
    "an unknown key",
    coded((map) => map.set(30, 1)),
  );
  await gives(
    "row",
    "text for a number",
    coded((map) => map.set(24, "5")),
  );
  await gives(
    "row",
    "a number for text",
    coded((map) => map.set(3, 5)),
  );
  await gives(
    "row",
    "bytes for text",
    coded((map) => map.set(3, w.fill(65, 3))),
  );
  await gives(
    "row",
    "text for bytes",
    coded((map) => map.set(14, "abc")),
  );
  await gives(
    "row",
    "text for a list",
    coded((map) => map.set(10, "abc")),
  );
  await gives(
    "row",
    "numbers in a list",
    coded((map) => map.set(10, [1])),
  );
  await gives(
    "row",
    "a map in it",
    coded((map) => map.set(3, new Map())),
  );
});

test("row: values with and without meaning", async () => {
  const record = (over: Partial<w.RecordIn>) => w.makeWorld({ states: ["shown"], record: (r) => ({ ...r, ...over }) });
  await gives("ok", "a human decides", record({ decision: 4 }));
  await gives("ok", "an opened access", record({ type: 4 }));
  await gives("malformed", "type 0", record({ type: 0 }));
  await gives("malformed", "type 5", record({ type: 5 }));
  await gives("malformed", "decision 0", record({ decision: 0 }));
  await gives("malformed", "decision 5", record({ decision: 5 }));
  await gives("malformed", "outcome 5", record({ type: 2, decision: 5 }));
  await gives("row", "a time beyond numbers", record({ time: 2 ** 53 }));
});

test("gate", async () => {
  const record = (over: Partial<w.RecordIn>) => w.makeWorld({ states: ["shown"], record: (r) => ({ ...r, ...over }) });
  const { old, new: later } = w.gateSeeds;
  await gives("gate", "unknown", record({ gate: 9 }));
  await gives("gate", "of another key", record({ gateSeed: w.fill(99) }));
  await gives("gate", "of another gate's key", record({ gate: 8 }));
  await gives("ok", "the old key, at its last moment", record({ time: w.gateChange - 1, gateSeed: old }));
  await gives("gate", "the old key, too late", record({ time: w.gateChange, gateSeed: old }));
  await gives("ok", "the new key, at its first moment", record({ time: w.gateChange, gateSeed: later }));
  await gives("gate", "the new key, too early", record({ time: w.gateChange - 1, gateSeed: later }));
  const late = w.anchorText.replace("gate 8 0", "gate 9 1795000000000");
  await gives("gate", "before its first key", record({ gate: 9, gateSeed: w.fill(7) }), { anchor: late });
});

test("the first fault ends the check", async () => {
  const seven: w.State[] = ["shown", "erased", "shown", "deferred", "none", "withheld", "shown"];
  // Row by row, each with its own steps: a row of bad gate, a notice and a row that does not open.
  const broken = (which: number[]) => {
    const world = w.makeWorld({
      states: seven,
      record: (r, i) => (i === 2 && which.includes(2) ? { ...r, gate: 9 } : r),
    });
    const { rows } = world.parts;
    if (which.includes(0)) (rows[0] as { salt: Buffer }).salt = w.fill(1);
    if (which.includes(3)) (rows[3] as { salt: Buffer }).salt = w.fill(1);
    if (which.includes(6)) (rows[5] as { salt: Buffer }).salt = w.fill(1);
    return world;
  };
  await gives("gate", "a bad gate before a bad row", broken([2, 6]));
  await gives("row", "a bad row before a bad gate", broken([0, 2, 3]));
  await gives("notice", "a bad notice before a bad row", broken([3, 6]));
  await gives("gate", "a bad gate before a bad notice", broken([2, 3]));
  const many = w.makeWorld({
    states: Array.from({ length: 200 }, () => "shown"),
    record: (r, i) => (i === 150 ? { ...r, gate: 9 } : r),
  });
  for (const i of [151, 199]) (many.parts.rows[i] as { salt: Buffer }).salt = w.fill(1);
  await gives("gate", "in a later batch", many);

  // Step by step.
  const nothing = { policy: `log ${w.signer("other", 1, w.fill(1)).vkey}\nquorum none\n` };
  const misdated = changed((p) => (p.period = 202610));
  await gives("malformed", "0 before 1a", misdated, { policy: "" });
  await gives(
    "malformed",
    "1 before 1a",
    changed((p) => ((p.period = 202610), (rowOf(p, 1).type = 0))),
  );
  await gives(
    "malformed",
    "1 before 2",
    changed((p) => (rowOf(p, 1).type = 0)),
    nothing,
  );
  await gives("head", "1a before 2", misdated, nothing);
  await gives(
    "other_log",
    "2 before 3",
    changed((p) => p.lines.shift()),
    nothing,
  );
  await gives(
    "quorum",
    "5 before 6",
    resealed((p) => (p.head = Buffer.alloc(0)), { cosigned: [now, now, now, null] }),
  );
  const ascending = (p: w.Parts) =>
    (p.head = w.headLeaf(p.index, w.headTime, [
      [202610, w.fill(1)],
      [period, w.fill(1)],
    ]));
  await gives("head", "6 before 6a", resealed(ascending), { now: now + 1e6 });
  await gives(
    "head",
    "6 before 7",
    changed((p) => (ascending(p), (p.index -= 1))),
  );
  await gives(
    "stale",
    "6a before 7",
    changed((p) => (p.index -= 1)),
    { now: now + 1e6 },
  );
  const unlisted = (p: w.Parts) => (p.head = w.headLeaf(p.index, w.headTime, [[202610, w.fill(1)]]));
  await gives("stale", "6a before 8", resealed(unlisted), { now: now + 1e6 });
  await gives(
    "not_last",
    "7 before 8",
    changed((p) => (unlisted(p), (p.index -= 1))),
  );
  await gives(
    "head",
    "8 before 9",
    changed((p) => (unlisted(p), (p.path = []))),
  );
});

test("notice: erasures", async () => {
  const leaf = (make: (index: number) => Buffer) =>
    resealed((p) => {
      const row = rowOf(p, 2);
      row.leaf = make(Number(p.entries[row.position]!.index));
    });
  await gives(
    "ok",
    "among others",
    leaf((i) => w.erasureLeaf(i - 1, i + 1, 2)),
  );
  await gives(
    "ok",
    "up to the end of numbers",
    leaf((i) => Buffer.concat([w.erasureLeaf(i, i, 1).subarray(0, 10), w.u64(2n ** 64n - 1n), w.u32(1), w.fill(0)])),
  );
  await gives(
    "notice",
    "before",
    leaf((i) => w.erasureLeaf(i - 1, i - 1, 1)),
  );
  await gives(
    "notice",
    "after",
    leaf((i) => w.erasureLeaf(i + 1, i + 2, 1)),
  );
  for (const degree of [2, 3])
    await gives(
      "notice",
      `degree ${degree}`,
      leaf((i) => w.erasureLeaf(i, i, 1, degree)),
    );
  await gives(
    "malformed",
    "degree 4",
    leaf((i) => w.erasureLeaf(i, i, 1, 4)),
  );
  await gives(
    "notice",
    "an access",
    leaf(() => w.accessLeaf(w.fill(1))),
  );
  await gives(
    "malformed",
    "more rows than indexes",
    leaf((i) => w.erasureLeaf(i, i, 2)),
  );
  await gives(
    "malformed",
    "no rows",
    leaf((i) => w.erasureLeaf(i, i, 0)),
  );
  await gives(
    "notice",
    "another type",
    leaf((i) => w.keepingLeaf(1, i, 0, w.fill(0))),
  );
  await gives(
    "malformed",
    "too long",
    leaf((i) => Buffer.concat([w.erasureLeaf(i, i, 1), w.u8(0)])),
  );
  await gives(
    "malformed",
    "empty",
    leaf(() => Buffer.alloc(0)),
  );
  await gives(
    "notice",
    "not in the log",
    changed((p) => (rowOf(p, 2).path[0] = w.fill(1))),
  );
  await gives(
    "notice",
    "at another place",
    changed((p) => (rowOf(p, 2).notice -= 1)),
  );
  await gives(
    "notice",
    "past the head",
    changed((p) => (rowOf(p, 2).notice = p.index + 1)),
  );
  await gives(
    "notice",
    "no path",
    changed((p) => (rowOf(p, 2).path = [])),
  );
});

test("notice: keeping back", async () => {
  const leaf = (make: (index: number, commitment: Buffer) => Buffer) =>
    resealed((p) => {
      const row = rowOf(p, 3);
      row.leaf = make(Number(p.entries[row.position]!.index), w.hmac(row.salt, row.ground));
    });
  await gives(
    "ok",
    "withheld until a day",
    leaf((i, c) => w.keepingLeaf(2, i, now + 1, c)),
  );
  await gives(
    "notice",
    "of another entry",
    leaf((i, c) => w.keepingLeaf(1, i + 1, 0, c)),
  );
  await gives(
    "malformed",
    "kind 3",
    leaf((i, c) => w.keepingLeaf(3, i, 0, c)),
  );
  await gives(
    "notice",
    "another type",
    leaf((i) => w.erasureLeaf(i, i, 1)),
  );
  await gives(
    "malformed",
    "too short",
    leaf((i, c) => w.keepingLeaf(1, i, 0, c).subarray(0, 49)),
  );
  await gives(
    "notice",
    "another ground",
    changed((p) => (rowOf(p, 3).ground = Buffer.from("for fun"))),
  );
  await gives(
    "notice",
    "another salt",
    changed((p) => (rowOf(p, 3).salt = w.fill(1))),
  );
  await gives(
    "notice",
    "not in the log",
    changed((p) => (rowOf(p, 3).path[0] = w.fill(1))),
  );
  await gives(
    "malformed",
    "a ground that is no text",
    changed((p) => (rowOf(p, 3).ground = Buffer.from([0xff]))),
  );
});

test("overdue is a finding beside a good result", async () => {
  const overdue = async (until: number) => {
    const { code, result } = await verifyCompleteness(w.inputOf(w.makeWorld({ states: ["deferred"], until })));
    assert.equal(code, "ok");
    return result?.overdue;
  };
  assert.equal(await overdue(now - 1), 1);
  assert.equal(await overdue(now), 0);
  assert.equal(await overdue(now + 1), 0);
  assert.equal(await overdue(0), 0);
});

test("shrunk", async () => {
  const world = w.makeWorld();
  const size = world.leaves.length;
  const all = world.parts.entries.map(({ index, commitment }) => [index, commitment.toString("hex")]);
  const remembers = (memory: unknown) => ({ memory });
  await gives("ok", "nothing", world, remembers(null));
  await gives("ok", "the same", world, remembers({ size, entries: all }));
  await gives("ok", "the beginning", world, remembers({ size: 3, entries: all.slice(0, 2) }));
  await gives("shrunk", "a greater log", world, remembers({ size: size + 1, entries: [] }));
  await gives("shrunk", "an entry more", world, remembers({ size, entries: [...all, [99, "00".repeat(32)]] }));
  await gives("shrunk", "not from the beginning", world, remembers({ size, entries: all.slice(1, 2) }));
  await gives("shrunk", "another commitment", world, remembers({ size, entries: [[all[0]![0], "00".repeat(32)]] }));
});
