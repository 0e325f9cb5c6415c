// The values of the reference for one small log, made with Python before there was any other code.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseKey } from "../src/note.ts";
import { verifyCompleteness } from "../src/verify.ts";
import * as w from "./world.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const unhex = (digits: string): Buffer => Buffer.from(digits, "hex");

const people = { A: w.fill(0xa1), B: w.fill(0xa2) };
const plain = Buffer.concat([Buffer.from("kepil test payload"), Buffer.alloc(46)]);
const made = [
  { secret: people.A, time: 1763700000123, salt: 0x5a, blind: 0xb1 },
  { secret: people.B, time: 1763700001000, salt: 0x5b, blind: 0xb2 },
  { secret: people.A, time: 1763700002000, salt: 0x5c, blind: 0xb3 },
].map(({ secret, time, salt, blind }) =>
  w.makeRecord({ secret, period: 202611, time, plain, salt: w.fill(salt), blind: w.fill(blind), nonce: w.fill(0, 24) }),
);
const headLeaf =
  "0200031773000000000000000300000000691fed2337ecbc2c568668cd9382fab01feebec1c4e2134280bd712ee52f468612faa7a6";
const logKey = "example.org/kepil/test+b7ed0fb4+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
const witnessKey = "w0.example+6ddf5b09+BEOnLnFEAXYt9mtowm373yaCquyfJHTspGE+QkoPuv08";
const body = "example.org/kepil/test\n4\neG2lN/HXk4A/YDrmbCi4V/QEXAP5A2hVSlBdrOONjgQ=\n";
const lines = [
  "— example.org/kepil/test t+0PtCxCmHatABBrAHIrb45lmUvuC0p6vqRiYrDKU54H8K4kEj9e/CrZdbopT8S2scrUA+qav9mYBuB+6olXeL5kwAM=\n",
  "— w0.example bd9bCQAAAABpH+0kAnXmkdHuVwdWHVkQFP3u7FIF7kjRprH0FM3zhJxqdfOlDG76ZGQA9TCgqt5j5XCOmoGwoI4o0ToiH+LwBc9fCg==\n",
];
const path = [
  "a1f5c6453d062a6fc6e465d842b47545c1275b44f270f27e878d6f185a7899c5",
  "6a5c9cfd574537a899870b1bed23a055d84475337508c2d4a9a1e008b6549818",
];
const mapLeafB = "af8fad4c7397ef9efcdd99e528b8dca1f4faf6c25b5be38ee9e118d0da4defb3";

const commitments = [
  "bafa8cb4dfaf9020ef1d903037f1aa13d189cd75d329b6c6f8cb512a8f202dd2",
  "ecda5b57f4d8129724baa2f6342ec57a8fd2c365441a28be1c85e5c35015dc85",
  "38c8e751555a535764277ec6fd5e88c2add915e3ad9587d1e4d152c495ffeb4e",
];

test("the maker of tests agrees: keys, record, commitments", () => {
  assert.equal(hex(w.publicKey(w.fill(5))), "6e7a1cdd29b0b78fd13af4c5598feff4ef2a97166e3ca6f2e4fbfccd80505bf1");
  assert.equal(hex(w.payloadKeyOf(people.A)), "6ebd9b0cff2ca8b1732ca1ddb44f96a40fb5b8f299d55ac0747d3b713fc8b0ee");
  assert.equal(hex(w.tagOf(people.A, 202611)), "3b55e96c53d8166e042de428eba4f369f3040237e013f466c9e0be973d6f7ae3");
  assert.equal(hex(w.tagOf(people.B, 202611)), "d4e568233d025d260079e1da8c264ede10c2cbfea31596196e762777ac932d8b");
  assert.equal(
    hex(made[0]!.record),
    "0101000317733b55e96c53d8166e042de428eba4f369f3040237e013f466c9e0be973d6f7ae3" +
      "0000019aa4b6457b00000007010003" +
      "e8eeba210136b6d4f4d6a3ea32f3d72db7f0cbf4468739eb5e48142fc3e0ea19" +
      "551f75585c23b8180b9e10f38935c3f228602080381d37d6fb4c9bd74369ca75" +
      "c278952a13e055c2b7492630c8cabf729ce18bda475a90c5acaff92b9b16b500",
  );
  assert.deepEqual(
    made.map(({ commitment }) => hex(commitment)),
    commitments,
  );
});

test("the maker of tests agrees: leaves, map, tree, notes", () => {
  const leaves = [...made.map(({ commitment }) => w.accessLeaf(commitment)), unhex(headLeaf)];
  assert.equal(hex(w.leafHash(leaves[0]!)), "88466bac5b32bafcb73bca625434fbd7e4b368392a2c41be4b9fc7fbd33ab476");
  const [A, B] = [w.tagOf(people.A, 202611), w.tagOf(people.B, 202611)];
  const entry = (index: number) => ({ index, commitment: made[index]!.commitment });
  const placed = [
    { tag: A, leaf: w.mapLeaf(A, [entry(0), entry(2)]) },
    { tag: B, leaf: w.mapLeaf(B, [entry(1)]) },
  ];
  assert.equal(hex(placed[0]!.leaf), "24b0e375313a432aaa84140f9058c823d732d3dc1283a700e628319ea0ec6494");
  assert.equal(hex(placed[1]!.leaf), mapLeafB);
  const root = w.mapRoot(placed, 1);
  assert.equal(hex(w.headLeaf(3, 1763700003, [[202611, root]])), headLeaf);
  assert.deepEqual(w.mapPath(A, placed, 1).map(hex), [mapLeafB]);
  assert.deepEqual(w.treePath(3, leaves).map(hex), path);
  assert.equal(w.bodyText("example.org/kepil/test", 4, w.treeHash(leaves)), body);
  const log = w.signer("example.org/kepil/test", 1, w.fill(1));
  const witness = w.signer("w0.example", 4, w.fill(10));
  assert.equal(log.vkey, logKey);
  assert.equal(witness.vkey, witnessKey);
  assert.deepEqual([w.logLine(log, body), w.cosignLine(witness, body, 1763700004)], lines);
});

test("the verifier reads the keys", async () => {
  assert.equal((await parseKey(logKey, [1], "")).name, "example.org/kepil/test");
  assert.equal((await parseKey(witnessKey, [4], "")).id, "6ddf5b09");
});

test("the verifier takes the published checkpoint, head and chain for a complete list", async () => {
  const parts: w.Parts = {
    period: 202611,
    siblings: [unhex(mapLeafB)],
    head: unhex(headLeaf),
    entries: [0, 2].map((index) => ({ index, commitment: unhex(commitments[index]!) })),
    rows: [],
    index: 3,
    path: path.map(unhex),
    body,
    lines,
  };
  const input = {
    secret: new Uint8Array(people.A),
    period: 202611,
    policy: `log ${logKey}\nwitness w0 ${witnessKey}\nquorum w0\n`,
    anchor: w.anchorText,
    now: 1763700010,
    proof: w.proofText(parts),
  };
  assert.deepEqual(await verifyCompleteness(input), {
    code: "ok",
    result: {
      completeUntil: 1763700003,
      closed: false,
      cosignedUntil: 1763700004,
      count: 2,
      shown: 0,
      erased: 0,
      deferred: 0,
      withheld: 0,
      notOpened: 2,
      overdue: 0,
      rows: [],
      memory: { size: 4, entries: [0, 2].map((index) => [index, commitments[index]]) },
    },
  });
  // The stand-in payload is no CBOR: the row opens its commitment and still does not read.
  parts.rows = [{ position: 0, state: 1, ...made[0]!.row }];
  assert.equal((await verifyCompleteness({ ...input, proof: w.proofText(parts) })).code, "row");
});
