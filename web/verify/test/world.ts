// An independent maker of logs and proofs, for tests only. It shares no code with the verifier:
// hashes, signatures and ciphers are Node's, trees follow the definitions word by word.
import { createCipheriv, createHash, createHmac, createPrivateKey, createPublicKey, sign } from "node:crypto";

export const sha256 = (...parts: Uint8Array[]): Buffer => createHash("sha256").update(Buffer.concat(parts)).digest();
export const hmac = (key: Uint8Array | string, ...parts: (Uint8Array | string)[]): Buffer => {
  const mac = createHmac("sha256", key);
  for (const part of parts) mac.update(part);
  return mac.digest();
};

export const u8 = (n: number): Buffer => Buffer.from([n]);
export const u16 = (n: number): Buffer => {
  const out = Buffer.alloc(2);
  out.writeUInt16BE(n);
  return out;
};
export const u32 = (n: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(n);
  return out;
};
export const u64 = (n: number | bigint): Buffer => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(n));
  return out;
};
export const fill = (byte: number, length = 32): Buffer => Buffer.alloc(length, byte);
const b64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

// Keys and notes

export interface Signer {
  name: string;
  type: number;
  seed: Buffer;
  public: Buffer;
  id: Buffer;
  vkey: string;
}

const privateKey = (seed: Uint8Array) =>
  createPrivateKey({
    key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]),
    format: "der",
    type: "pkcs8",
  });

export const ed25519Sign = (seed: Uint8Array, message: Uint8Array): Buffer => sign(null, message, privateKey(seed));
export const publicKey = (seed: Uint8Array): Buffer =>
  Buffer.from(createPublicKey(privateKey(seed)).export({ format: "der", type: "spki" })).subarray(-32);

export function vkey(name: string, type: number, key: Uint8Array): { id: Buffer; vkey: string } {
  const id = sha256(Buffer.from(name), u8(10), u8(type), key).subarray(0, 4);
  return { id, vkey: `${name}+${id.toString("hex")}+${b64(Buffer.concat([u8(type), key]))}` };
}

export function signer(name: string, type: number, seed: Buffer): Signer {
  const key = publicKey(seed);
  return { name, type, seed, public: key, ...vkey(name, type, key) };
}

export const noteLine = (name: string, id: Uint8Array, signature: Uint8Array): string =>
  `— ${name} ${b64(Buffer.concat([id, signature]))}\n`;

export const logLine = (log: Signer, body: string): string =>
  noteLine(log.name, log.id, ed25519Sign(log.seed, Buffer.from(body)));

export function cosignLine(witness: Signer, body: string, time: number): string {
  const signature = ed25519Sign(witness.seed, Buffer.from(`cosignature/v1\ntime ${time}\n${body}`));
  return noteLine(witness.name, witness.id, Buffer.concat([u64(time), signature]));
}

// The log

export const leafHash = (leaf: Uint8Array): Buffer => sha256(u8(0), leaf);

const split = (n: number): number => {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
};

export function treeHash(leaves: Uint8Array[]): Buffer {
  if (!leaves.length) return sha256();
  if (leaves.length === 1) return leafHash(leaves[0]!);
  const k = split(leaves.length);
  return sha256(u8(1), treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k)));
}

export function treePath(index: number, leaves: Uint8Array[]): Buffer[] {
  if (leaves.length <= 1) return [];
  const k = split(leaves.length);
  return index < k
    ? [...treePath(index, leaves.slice(0, k)), treeHash(leaves.slice(k))]
    : [...treePath(index - k, leaves.slice(k)), treeHash(leaves.slice(0, k))];
}

// A person's keys, records, payloads

export const tagOf = (secret: Uint8Array, period: number): Buffer =>
  hmac(hmac(secret, "tag-key/v1"), "map-key/v1", u32(period));
export const payloadKeyOf = (secret: Uint8Array): Buffer => hmac(secret, "payload-key/v1");

type Item = number | string | Uint8Array | Item[] | Map<number, Item>;

function cborHead(kind: number, n: number): Buffer {
  const first = (info: number): Buffer => u8((kind << 5) | info);
  if (n < 24) return first(n);
  if (n < 2 ** 8) return Buffer.concat([first(24), u8(n)]);
  if (n < 2 ** 16) return Buffer.concat([first(25), u16(n)]);
  if (n < 2 ** 32) return Buffer.concat([first(26), u32(n)]);
  return Buffer.concat([first(27), u64(n)]);
}

export function cborBytes(item: Item): Buffer {
  if (typeof item === "number") return cborHead(0, item);
  if (item instanceof Uint8Array) return Buffer.concat([cborHead(2, item.length), item]);
  if (typeof item === "string") {
    const bytes = Buffer.from(item);
    return Buffer.concat([cborHead(3, bytes.length), bytes]);
  }
  if (Array.isArray(item)) return Buffer.concat([cborHead(4, item.length), ...item.map(cborBytes)]);
  const sorted = [...item].sort(([a], [b]) => a - b);
  return Buffer.concat([cborHead(5, item.size), ...sorted.flatMap(([k, v]) => [cborBytes(k), cborBytes(v)])]);
}

export function pad(cbor: Uint8Array): Buffer {
  const length = 4 + cbor.length;
  return Buffer.concat([u32(cbor.length), cbor, Buffer.alloc((64 - (length % 64)) % 64)]);
}

/** HChaCha20 out of Node's ChaCha20: the block minus the state it began with. */
export function hchacha20(key: Uint8Array, nonce: Uint8Array): Buffer {
  const block = createCipheriv("chacha20", key, nonce).update(Buffer.alloc(64));
  const state = Buffer.concat([Buffer.from("expand 32-byte k"), key, nonce]);
  const out = Buffer.alloc(32);
  [0, 1, 2, 3, 12, 13, 14, 15].forEach((word, i) => {
    out.writeUInt32LE((block.readUInt32LE(4 * word) - state.readUInt32LE(4 * word)) >>> 0, 4 * i);
  });
  return out;
}

export function xseal(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array): Buffer {
  const inner = Buffer.concat([Buffer.alloc(4), nonce.subarray(16)]);
  const cipher = createCipheriv("chacha20-poly1305", hchacha20(key, nonce.subarray(0, 16)), inner, {
    authTagLength: 16,
  });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

export interface RecordIn {
  secret: Buffer;
  period: number;
  type?: number;
  time: number;
  gate?: number;
  gateSeed?: Buffer;
  decision?: number;
  purpose?: number;
  plain: Buffer;
  salt: Buffer;
  blind: Buffer;
  nonce: Buffer;
}

export interface ShownRow {
  type: number;
  salt: Buffer;
  time: number;
  gate: number;
  decision: number;
  purpose: number;
  signature: Buffer;
  blind: Buffer;
  nonce: Buffer;
  ciphertext: Buffer;
}

export function makeRecord(r: RecordIn): { record: Buffer; commitment: Buffer; row: ShownRow } {
  const { type = 1, time, gate = 7, gateSeed = fill(5), decision = 1, purpose = 3, salt, blind, nonce } = r;
  const head = Buffer.concat([u8(1), u8(type), u32(r.period), tagOf(r.secret, r.period), u64(time), u32(gate)]);
  const signed = Buffer.concat([head, u8(decision), u16(purpose), hmac(blind, r.plain)]);
  const signature = ed25519Sign(gateSeed, signed);
  const record = Buffer.concat([signed, signature]);
  const ciphertext = xseal(payloadKeyOf(r.secret), nonce, r.plain);
  const row = { type, salt, time, gate, decision, purpose, signature, blind, nonce, ciphertext };
  return { record, commitment: hmac(salt, record), row };
}

// Chain and map

export interface Entry {
  index: number | bigint;
  commitment: Buffer;
}

export function mapLeaf(tag: Uint8Array, entries: Entry[]): Buffer {
  let head = hmac(Buffer.concat([Buffer.from("chain/v1"), Buffer.alloc(24)]), tag);
  for (const { index, commitment } of entries) head = sha256(u8(0x22), head, u64(index), commitment);
  return sha256(u8(0x20), tag, sha256(u8(0x23), u64(entries.length), head));
}

const zero = Buffer.alloc(32);
const bitOf = (tag: Uint8Array, i: number): number => (tag[i >> 3]! >> (7 - (i % 8))) & 1;

interface Placed {
  tag: Buffer;
  leaf: Buffer;
}

export function mapRoot(all: Placed[], depth: number, level = 0): Buffer {
  // Above the depth too: nothing below means both children zero, down to the bottom.
  if (all.length === 0) return zero;
  if (level >= depth && all.length === 1) return all[0]!.leaf;
  const [left, right] = [0, 1].map((bit) =>
    mapRoot(
      all.filter(({ tag }) => bitOf(tag, level) === bit),
      depth,
      level + 1,
    ),
  ) as [Buffer, Buffer];
  return left.equals(zero) && right.equals(zero) ? zero : sha256(u8(0x21), left, right);
}

/** Siblings on the way to a tag, deepest first. */
export function mapPath(tag: Buffer, all: Placed[], depth: number, level = 0): Buffer[] {
  if (level >= depth && all.length <= 1) return [];
  const bit = bitOf(tag, level);
  const own = all.filter((other) => bitOf(other.tag, level) === bit);
  const other = all.filter((placed) => bitOf(placed.tag, level) !== bit);
  return [...mapPath(tag, own, depth, level + 1), mapRoot(other, depth, level + 1)];
}

// Leaves

export const accessLeaf = (commitment: Buffer): Buffer => Buffer.concat([u8(1), commitment]);
export function headLeaf(covers: number | bigint, time: number | bigint, roots: [number, Buffer][]): Buffer {
  const [[period, root], ...more] = roots as [[number, Buffer], ...[number, Buffer][]];
  const rest = more.flatMap(([p, r]) => [u32(p), r]);
  return Buffer.concat([u8(2), u32(period), u64(covers), u64(time), root, ...rest]);
}
export const erasureLeaf = (first: number | bigint, last: number | bigint, rows: number, degree = 1): Buffer =>
  Buffer.concat([u8(6), u8(degree), u64(first), u64(last), u32(rows), sha256(Buffer.from("basis"))]);
export const keepingLeaf = (kind: number, index: number, until: number, commitment: Buffer): Buffer =>
  Buffer.concat([u8(9), u8(kind), u64(index), u64(until), commitment]);

// The proof

export type RowOut =
  | ({ position: number; state: 1 } & ShownRow)
  | { position: number; state: 2; notice: number; leaf: Buffer; path: Buffer[] }
  | { position: number; state: 3; notice: number; leaf: Buffer; path: Buffer[]; salt: Buffer; ground: Buffer };

export interface Parts {
  period: number;
  siblings: Buffer[];
  head: Buffer;
  entries: Entry[];
  rows: RowOut[];
  index: number;
  path: Buffer[];
  body: string;
  lines: string[];
}

function rowBytes(row: RowOut): Buffer {
  const start = [u32(row.position), u8(row.state)];
  if (row.state === 1) {
    const middle = [u64(row.time), u32(row.gate), u8(row.decision), u16(row.purpose)];
    const rest = [row.signature, row.blind, row.nonce, u32(row.ciphertext.length), row.ciphertext];
    return Buffer.concat([...start, u8(row.type), row.salt, ...middle, ...rest]);
  }
  const notice = [u64(row.notice), u16(row.leaf.length), row.leaf, u8(row.path.length), ...row.path];
  const ground = row.state === 3 ? [row.salt, u16(row.ground.length), row.ground] : [];
  return Buffer.concat([...start, ...notice, ...ground]);
}

export function blockBytes({ period, siblings, head, entries, rows }: Parts): Buffer {
  const bitmap = Buffer.alloc(Math.ceil(siblings.length / 8));
  siblings.forEach((sibling, i) => {
    if (!sibling.equals(zero)) bitmap[i >> 3]! |= 1 << (i & 7);
  });
  return Buffer.concat([
    u8(1),
    u32(period),
    u8(siblings.length),
    bitmap,
    ...siblings.filter((sibling) => !sibling.equals(zero)),
    u16(head.length),
    head,
    u32(entries.length),
    ...entries.flatMap(({ index, commitment }) => [u64(index), commitment]),
    u32(rows.length),
    ...rows.map(rowBytes),
  ]);
}

export function proofText(parts: Parts, block: Uint8Array = blockBytes(parts)): string {
  const { index, path, body, lines } = parts;
  const hashes = path.map((hash) => `${b64(hash)}\n`).join("");
  return `c2sp.org/tlog-proof@v1\nextra ${b64(block)}\nindex ${index}\n${hashes}\n${body}\n${lines.join("")}`;
}

export const bodyText = (origin: string, size: number, root: Buffer): string => `${origin}\n${size}\n${b64(root)}\n`;

// A small world

export const period = 202611;
export const origin = "access.example.kz/2026h2";
export const log = signer(origin, 1, fill(1));
export const witnesses = [0, 1, 2].map((i) => signer(`w${i}.example`, 4, fill(10 + i)));
export const auditor = signer("auditor.example", 4, fill(20));
export const gateSeeds = { old: fill(5), new: fill(6) };
export const gateChange = Date.UTC(2026, 10, 15);
export const headTime = Date.UTC(2026, 10, 20, 12) / 1000;
export const now = headTime + 60;

export const policyText =
  [
    "# A policy for tests",
    `log ${log.vkey}`,
    "",
    ...witnesses.map((w, i) => `witness w${i} ${w.vkey}`),
    `witness a ${auditor.vkey}`,
    "group ws 2 w0 w1 w2",
    "group both all ws a",
    "quorum both",
  ].join("\n") + "\n";

export const anchorText =
  [
    "kepil-anchor/v1",
    `law ${"11".repeat(32)}`,
    `gate 7 0 ${b64(publicKey(gateSeeds.old))}`,
    `gate 7 ${gateChange} ${b64(publicKey(gateSeeds.new))}`,
    `gate 8 0 ${b64(publicKey(fill(7)))}`,
    `policy ${sha256(Buffer.from(policyText)).toString("hex")}`,
    `next-log-key ${log.vkey} ${headTime}`,
  ].join("\n") + "\n";

export type State = "shown" | "erased" | "deferred" | "withheld" | "none";

export interface Options {
  /** What becomes of each entry of the person, in the order of the log. */
  states?: State[];
  people?: number;
  depth?: number;
  headTime?: number;
  /** Unix seconds; null leaves the cosigner out. */
  cosigned?: (number | null)[];
  /** Day of the keeping back. */
  until?: number;
  /** Changes a record of the person before it is signed. */
  record?: (record: RecordIn, i: number) => RecordIn;
}

export interface World {
  secret: Buffer;
  parts: Parts;
  leaves: Buffer[];
  policy: string;
  anchor: string;
  now: number;
}

const random = (label: string, length: number): Buffer =>
  Buffer.concat([0, 1].map((i) => sha256(Buffer.from(`${label}/${i}`)))).subarray(0, length);

export const secretOf = (person: number): Buffer => random(`person ${person}`, 32);

export function samplePayload(i: number, time: number): Map<number, Item> {
  const payload = new Map<number, Item>([
    [0, 1],
    [1, i % 3 === 2 ? 2 : 1],
    [2, time],
    [3, "clinic.example"],
    [4, "official-17"],
    [9, "Емдеу — treatment"],
    [10, ["health", "identity"]],
    [14, Buffer.from([1, 2, 3])],
    [17, "ok"],
    [19, ["T01=pass", "D04=pass"]],
  ]);
  if (i % 3 === 2) payload.set(24, 5).set(25, "released");
  return payload;
}

const cosigners = [...witnesses, auditor];

export function signAll(parts: Parts, cosigned: (number | null)[]): void {
  parts.lines = [logLine(log, parts.body)];
  cosigned.forEach((time, i) => {
    if (time !== null) parts.lines.push(cosignLine(cosigners[i]!, parts.body, time));
  });
}

/** Seals a changed list of leaves again: root, paths, signatures. The head stays the last leaf. */
export function reseal(world: World, cosigned?: (number | null)[]): void {
  const { parts, leaves } = world;
  for (const row of parts.rows) if (row.state !== 1) leaves[row.notice] = row.leaf;
  leaves[leaves.length - 1] = parts.head;
  parts.index = leaves.length - 1;
  parts.path = treePath(parts.index, leaves);
  for (const row of parts.rows) if (row.state !== 1) row.path = treePath(row.notice, leaves);
  parts.body = bodyText(origin, leaves.length, treeHash(leaves));
  signAll(parts, cosigned ?? [now - 30, now - 20, now - 10, now - 40]);
}

export function makeWorld(options: Options = {}): World {
  const {
    states = ["shown", "erased", "shown", "deferred", "none", "withheld", "shown"],
    people = 5,
    depth = 3,
  } = options;
  const until = options.until ?? now - 1;
  const secret = secretOf(0);
  const leaves: Buffer[] = [Buffer.concat([u8(7), sha256(Buffer.from(anchorText))])];
  const lists: Entry[][] = Array.from({ length: people }, () => []);
  const own: ShownRow[] = [];

  states.forEach((_, i) => {
    // Own entries stand between those of others.
    for (const person of [0, 1 + (i % Math.max(people - 1, 1))]) {
      if (person >= people) continue;
      const time = Date.UTC(2026, 10, 10 + (i % 10), 9, 0, i % 60) + i;
      const plain = pad(cborBytes(samplePayload(i, time)));
      const label = `${person}/${i}`;
      const change = person === 0 && options.record ? options.record : (record: RecordIn) => record;
      const record: RecordIn = {
        secret: secretOf(person),
        period,
        type: i % 3 === 2 ? 2 : 1,
        time,
        gateSeed: time < gateChange ? gateSeeds.old : gateSeeds.new,
        plain,
        salt: random(`salt ${label}`, 32),
        blind: random(`blind ${label}`, 32),
        nonce: random(`nonce ${label}`, 24),
      };
      const made = makeRecord(change(record, i));
      lists[person]!.push({ index: leaves.length, commitment: made.commitment });
      leaves.push(accessLeaf(made.commitment));
      if (person === 0) own.push(made.row);
    }
  });

  const entries = lists[0]!;
  const rows: RowOut[] = [];
  states.forEach((state, position) => {
    if (state === "none") return;
    if (state === "shown") {
      rows.push({ position, state: 1, ...own[position]! });
      return;
    }
    const index = Number(entries[position]!.index);
    const notice = leaves.length;
    if (state === "erased") {
      const leaf = erasureLeaf(index, index, 1);
      leaves.push(leaf);
      rows.push({ position, state: 2, notice, leaf, path: [] });
    } else {
      const [salt, ground] = [random(`basis ${position}`, 32), Buffer.from("Сот қаулысы, case 12")];
      const leaf = keepingLeaf(
        state === "deferred" ? 1 : 2,
        index,
        state === "deferred" ? until : 0,
        hmac(salt, ground),
      );
      leaves.push(leaf);
      rows.push({ position, state: 3, notice, leaf, path: [], salt, ground });
    }
  });

  const placed = lists.map((list, person) => {
    const tag = tagOf(secretOf(person), period);
    return { tag, leaf: mapLeaf(tag, list) };
  });
  const head = headLeaf(leaves.length, options.headTime ?? headTime, [
    [period, mapRoot(placed, depth)],
    [202610, random("the month before", 32)],
  ]);
  leaves.push(head);
  const parts: Parts = {
    period,
    siblings: mapPath(placed[0]!.tag, placed, depth),
    head,
    entries,
    rows,
    index: 0,
    path: [],
    body: "",
    lines: [],
  };
  const world = { secret, parts, leaves, policy: policyText, anchor: anchorText, now };
  reseal(world, options.cosigned);
  return world;
}

/** A world's input to the verifier; parts of it may be put in anew. */
export const inputOf = (world: World, over: object = {}) => ({
  secret: new Uint8Array(world.secret),
  period,
  policy: world.policy,
  anchor: world.anchor,
  now: world.now,
  proof: proofText(world.parts),
  ...over,
});
