/**
 * The check of a completeness proof, from `docs/src/ledger-format.md`, section "Verifying it".
 * Numbers in comments are its steps.
 */
import { gateKey, monthEnd, parseAnchor } from "./anchor.ts";
import { type Block, parseBlock, parseErasure, parseHead, parseKeepingBack, type Row, type Shown } from "./block.ts";
import { type Bytes, concat, equal, hex, u32, u64, utf8 } from "./bytes.ts";
import { ed25519, hmac, sha256, subtle, treeRoot } from "./crypto.ts";
import { type Code, Fault, form, must } from "./fault.ts";
import { type Checkpoint, ed25519Cosigner, ed25519Log, type Key, parseProofFile, signedAt } from "./note.ts";
import { type Payload, parsePayload } from "./payload.ts";
import { cosignedUntil, parsePolicy, type Policy } from "./policy.ts";
import { xopen } from "./xchacha.ts";

export type { Code, Payload };

export interface Memory {
  /** Size of the log at the last look at the same period. */
  size: number;
  /** Index and commitment (hexadecimal) of every entry known then. */
  entries: [number, string][];
}

export interface Input {
  /** The person's secret, 32 bytes. */
  secret: Uint8Array;
  /** `year·100 + month`, such as 202611. */
  period: number;
  policy: string;
  anchor: string;
  /** The present, Unix seconds. */
  now: number;
  /** The greatest age of a cosignature in seconds; 3,600 if not given. */
  maxAge?: number | undefined;
  memory?: Memory | null | undefined;
  /** The `tlog-proof` file. */
  proof: string;
}

export type OpenedRow =
  | {
      state: "shown";
      index: number;
      type: string;
      /** Unix milliseconds. */
      time: number;
      gate: number;
      decision: string;
      purposeClass: number;
      payload: Payload;
    }
  | { state: "erased"; index: number; notice: number }
  | {
      state: "deferred" | "withheld";
      index: number;
      notice: number;
      /** Unix seconds; 0 where no day is set. */
      until: number;
      overdue: boolean;
      ground: string;
    };

export interface Found {
  /** Time of the head, Unix seconds. */
  completeUntil: number;
  closed: boolean;
  /** Unix seconds; 0 under a policy that asks for nobody. */
  cosignedUntil: number;
  count: number;
  shown: number;
  erased: number;
  deferred: number;
  withheld: number;
  notOpened: number;
  overdue: number;
  rows: OpenedRow[];
}

export interface Result {
  code: Code;
  /** For people: where the fault lies. Programs go by the code. */
  at?: string;
  result?: Found;
}

const longestProof = 16 << 20;
const skew = 60;
const day = 86_400;

const types = [undefined, "access", "outcome", "sealed", "opened"];
const decisions = [undefined, "permit", "deny", "emergency", "human"];
const outcomes = [undefined, "released", "not_released", "unknown"];

/** Says whether the list is complete and its rows are true. Never throws on account of its input. */
export async function verifyCompleteness(input: Input): Promise<Result> {
  try {
    return { code: "ok", result: await verify(input) };
  } catch (error) {
    if (error instanceof Fault) return { code: error.code, at: error.at };
    // A caller without types may hand in anything.
    return { code: "malformed", at: String(error) };
  }
}

async function verify(input: Input): Promise<Found> {
  const { period, now, maxAge = 3600, proof } = input;
  must(!!subtle, "unsupported", "WebCrypto");
  const seconds = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
  form(seconds(now) && seconds(maxAge), "input");
  form(input.secret instanceof Uint8Array && input.secret.length === 32, "input");
  const end = monthEnd(period);
  form(end !== undefined, "input");
  const secret = Uint8Array.from(input.secret);
  const memory = input.memory ?? { size: 0, entries: [] };
  form(
    [memory.size, ...memory.entries.map(([index]) => index)].every(Number.isSafeInteger) &&
      memory.entries.every(([, commitment]) => /^[0-9a-f]{64}$/.test(commitment)),
    "memory",
  );
  const policy = await parsePolicy(input.policy);
  const gates = await parseAnchor(input.anchor);

  // 1
  form(proof.length <= longestProof, "proof");
  const file = parseProofFile(proof);
  const { checkpoint } = file;
  const block = parseBlock(file.extra);

  // 2 to 5
  const until = await checkSignatures(policy, checkpoint, now);

  // 6
  const head = parseHead(block.head);
  must(head !== undefined, "head");
  const closed = head.time >= end + day; // 14
  must(closed || now - until <= maxAge, "stale");

  // 7
  must(file.index === checkpoint.size - 1, "not_last");

  // 8
  const root = head.roots.find((row) => row.period === period)?.root;
  const descending = head.roots.every(({ period }, i) => i === 0 || period < head.roots[i - 1]!.period);
  // A time no number holds would end up in the result; nobody's clock shows one.
  const known = block.period === period && head.covers === file.index && head.time < Infinity;
  must(root !== undefined && descending && known, "head");

  // 9
  must(await leadsToRoot(block.head, file.index, file.path, checkpoint), "inclusion");

  // 10
  block.entries.forEach(({ index }, i) => {
    must(index < head.covers && (i === 0 || index > block.entries[i - 1]!.index), "order", `entry ${i + 1}`);
  });

  // 11
  const tag = await tagOf(secret, period);
  must(equal(await mapRoot(tag, block), root), "map");

  // 12
  const shown = block.rows.filter((row) => row.state === "shown");
  const payloadKey = await hmac(secret, utf8("payload-key/v1"));
  const opened = new Map<Row, { record: Bytes; payload: Payload }>();
  await each(shown, async (row) => {
    opened.set(row, await openRow(row, period, tag, payloadKey, block));
  });

  // 13
  await each(shown, async (row) => {
    const key = gateKey(gates, row.gate, row.time);
    must(key !== undefined, "gate", name(row));
    const signed = opened.get(row)!.record.subarray(0, 85);
    must(await ed25519(key, row.signature, signed), "gate", name(row));
  });

  // 13a
  const rows: OpenedRow[] = [];
  for (const row of block.rows) {
    const { index } = block.entries[row.position]!;
    if (row.state === "shown") {
      const { time, gate, purpose: purposeClass } = row;
      const { payload } = opened.get(row)!;
      const decision = (row.type === 2 ? outcomes : decisions)[row.decision]!;
      rows.push({ state: "shown", index, type: types[row.type]!, time, gate, decision, purposeClass, payload });
    } else {
      rows.push(await checkNotice(row, index, head.covers, checkpoint, now));
    }
  }

  // 15
  must(checkpoint.size >= memory.size, "shrunk", "size");
  memory.entries.forEach(([index, commitment], i) => {
    const entry = block.entries[i];
    must(entry?.index === index && hex(entry.commitment) === commitment, "shrunk", `entry ${i + 1}`);
  });

  const count = (state: string): number => rows.filter((row) => row.state === state).length;
  return {
    completeUntil: head.time,
    closed,
    cosignedUntil: until,
    count: block.entries.length,
    shown: count("shown"),
    erased: count("erased"),
    deferred: count("deferred"),
    withheld: count("withheld"),
    notOpened: block.entries.length - rows.length,
    overdue: rows.filter((row) => "overdue" in row && row.overdue).length,
    rows,
  };
}

const name = (row: Row): string => `entry ${row.position + 1}`;

/** Runs in batches: waiting for one WebCrypto call after another costs more than the calls. */
async function each<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += 64) {
    const results = await Promise.allSettled(items.slice(at, at + 64).map(work));
    // The first fault in the order of the rows, not the first to come back.
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }
}

async function checkSignatures(policy: Policy, checkpoint: Checkpoint, now: number): Promise<number> {
  const { body, origin, signatures } = checkpoint;
  // 2
  const logs = policy.logs.filter((key) => key.name === origin);
  must(logs.length > 0, "other_log", origin);

  const signers = async (
    keys: Key[],
    type: number,
    code: "log_signature" | "cosignature",
  ): Promise<Map<Key, number>> => {
    const times = new Map<Key, number>();
    for (const key of keys.filter((key) => key.type === type)) {
      for (const line of signatures.filter(({ name, id }) => name === key.name && id === key.id)) {
        const time = await signedAt(key, line, body);
        must(time !== undefined && (type === ed25519Log || (time > 0 && time <= now + skew)), code, key.name);
        times.set(key, Math.max(time, times.get(key) ?? 0));
      }
    }
    return times;
  };

  // 3
  must((await signers(logs, ed25519Log, "log_signature")).size > 0, "log_signature");

  // 4
  const times = await signers(policy.witnesses, ed25519Cosigner, "cosignature");

  // 5
  const until = cosignedUntil(policy, times);
  must(until !== undefined, "quorum");
  return until;
}

async function leadsToRoot(leaf: Bytes, index: number, path: Bytes[], { size, root }: Checkpoint): Promise<boolean> {
  const found = await treeRoot(leaf, index, size, path);
  return found !== undefined && equal(found, root);
}

async function tagOf(secret: Bytes, period: number): Promise<Bytes> {
  const key = await hmac(secret, utf8("tag-key/v1"));
  return hmac(key, utf8("map-key/v1"), u32(period));
}

/** Chain, value, map leaf and path: the root that this list, and no other, leads to. */
async function mapRoot(tag: Bytes, { entries, siblings }: Block): Promise<Bytes> {
  let head = await hmac(utf8("chain/v1"), tag);
  for (const { place, commitment } of entries) {
    head = await sha256(0x22, head, place, commitment);
  }
  const value = await sha256(0x23, u64(entries.length), head);
  let node = await sha256(0x20, tag, value);
  for (const [i, sibling] of siblings.entries()) {
    const bit = siblings.length - 1 - i;
    const right = (tag[bit >> 3]! >> (7 - (bit & 7))) & 1;
    node = await sha256(0x21, ...(right ? [sibling, node] : [node, sibling]));
  }
  return node;
}

async function openRow(
  row: Shown,
  period: number,
  tag: Bytes,
  payloadKey: Bytes,
  block: Block,
): Promise<{ record: Bytes; payload: Payload }> {
  const plain = xopen(payloadKey, row.nonce, row.ciphertext);
  must(plain !== undefined, "row", name(row));
  const bound = await hmac(row.blind, plain);
  const record = concat(1, row.type, u32(period), tag, row.middle, bound, row.signature);
  const commitment = await hmac(row.salt, record);
  must(equal(commitment, block.entries[row.position]!.commitment), "row", name(row));
  let payload;
  try {
    payload = parsePayload(plain);
  } catch {
    throw new Fault("row", name(row));
  }
  const known = types[row.type] && (row.type === 2 ? outcomes : decisions)[row.decision];
  must(!!known && Number.isFinite(row.time), "row", name(row));
  return { record, payload };
}

async function checkNotice(
  row: Exclude<Row, Shown>,
  index: number,
  covers: number,
  checkpoint: Checkpoint,
  now: number,
): Promise<OpenedRow> {
  const { notice } = row;
  const inLog = notice.index <= covers && (await leadsToRoot(notice.leaf, notice.index, notice.path, checkpoint));
  if (row.state === "erased") {
    const leaf = parseErasure(notice.leaf);
    must(inLog && leaf !== undefined && leaf.first <= index && index <= leaf.last, "notice", name(row));
    return { state: "erased", index, notice: notice.index };
  }
  const leaf = parseKeepingBack(notice.leaf);
  const { salt, ground } = row;
  must(inLog && leaf?.index === index && equal(await hmac(salt, utf8(ground)), leaf.commitment), "notice", name(row));
  const { kind: state, until } = leaf;
  return { state, index, notice: notice.index, until, overdue: until !== 0 && until < now, ground };
}
