/**
 * The check of a completeness proof, from `docs/src/ledger-format.md`, section "Verifying it".
 * Numbers in comments are its steps.
 */
import { type GateKey, gateKey, monthEnd, parseAnchor } from "./anchor.ts";
import { type Block, type Entry, parseBlock, parseHead, type Row, type Shown } from "./block.ts";
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
  /** Unix seconds; under a policy that asks for nobody the time of the head. */
  cosignedUntil: number;
  count: number;
  shown: number;
  erased: number;
  deferred: number;
  withheld: number;
  notOpened: number;
  overdue: number;
  rows: OpenedRow[];
  /** For the next look at the same period. */
  memory: Memory;
}

export interface Result {
  code: Code;
  /** For people: where the fault lies. Programs go by the code. */
  at?: string;
  result?: Found;
}

const skew = 60;
const day = 86_400;

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

  // 0
  const policy = await parsePolicy(input.policy);
  const gates = await parseAnchor(input.anchor);

  // 1
  const file = parseProofFile(proof);
  const { checkpoint } = file;
  const block = parseBlock(file.extra);

  // 1a
  must(block.period === period, "head", "period");

  // 2 to 5
  const head = parseHead(block.head);
  const until = await checkSignatures(policy, checkpoint, now, head?.time ?? 0);

  // 6; a time no number holds would end up in the result, and nobody's clock shows one.
  must(head !== undefined && head.time < Infinity, "head");

  // 6a
  const closed = Math.min(head.time, until + skew) >= end + day; // 14
  must(closed || now - until <= maxAge, "stale");

  // 7
  must(file.index === checkpoint.size - 1, "not_last");

  // 8
  const root = head.roots.find((row) => row.period === period)?.root;
  must(root !== undefined && head.covers === file.index, "head");

  // 9
  must(await leadsToRoot(block.head, file.index, file.path, checkpoint), "inclusion");

  // 9a
  const { later } = block;
  if (later) {
    await checkSignatures(policy, later.checkpoint, now, head.time);
    const holds = await leadsToRoot(block.head, file.index, later.path, later.checkpoint);
    must(holds && later.checkpoint.size > checkpoint.size, "inclusion");
  }

  // 10
  block.entries.forEach(({ index }, i) => {
    must(index < head.covers && (i === 0 || index > block.entries[i - 1]!.index), "order", `entry ${i + 1}`);
  });

  // 11
  const tag = await tagOf(secret, period);
  must(equal(await mapRoot(tag, block), root), "map");

  // 12 to 13a
  const payloadKey = await hmac(secret, utf8("payload-key/v1"));
  const rows = await each(block.rows, (row) => {
    const entry = block.entries[row.position]!;
    if (row.state === "shown") return openRow(row, entry, period, tag, payloadKey, gates);
    const newest = later && row.notice.index >= checkpoint.size ? later.checkpoint : checkpoint;
    return checkNotice(row, entry, newest, now);
  });

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
    memory: {
      size: checkpoint.size,
      entries: block.entries.map(({ index, commitment }) => [index, hex(commitment)]),
    },
  };
}

const name = (row: Row): string => `entry ${row.position + 1}`;

/** Runs in batches: waiting for one WebCrypto call after another costs more than the calls. */
async function each<T, U>(items: T[], work: (item: T) => Promise<U>): Promise<U[]> {
  const done: U[] = [];
  for (let at = 0; at < items.length; at += 64) {
    for (const result of await Promise.allSettled(items.slice(at, at + 64).map(work))) {
      // The first fault in the order of the rows, not the first to come back.
      if (result.status === "rejected") throw result.reason;
      done.push(result.value);
    }
  }
  return done;
}

async function checkSignatures(policy: Policy, checkpoint: Checkpoint, now: number, headTime: number): Promise<number> {
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
  const until = cosignedUntil(policy, times, headTime);
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

/** Steps 12 and 13. */
async function openRow(
  row: Shown,
  { index, commitment }: Entry,
  period: number,
  tag: Bytes,
  payloadKey: Bytes,
  gates: GateKey[],
): Promise<OpenedRow> {
  const { kind: type, time, gate, decision, purpose: purposeClass, signature } = row;
  const plain = xopen(payloadKey, row.nonce, row.ciphertext);
  must(plain !== undefined, "row", name(row));
  const signed = concat(1, row.type, u32(period), tag, row.middle, await hmac(row.blind, plain));
  // A time no number holds: as with the head.
  const opens = equal(await hmac(row.salt, concat(signed, signature)), commitment) && time < Infinity;
  must(opens, "row", name(row));
  let payload;
  try {
    payload = parsePayload(plain);
  } catch {
    throw new Fault("row", name(row));
  }
  const key = gateKey(gates, gate, time);
  must(key !== undefined && (await ed25519(key, signature, signed)), "gate", name(row));
  return { state: "shown", index, type, time, gate, decision, purposeClass, payload };
}

/** Step 13a. */
async function checkNotice(
  row: Exclude<Row, Shown>,
  { index }: Entry,
  checkpoint: Checkpoint,
  now: number,
): Promise<OpenedRow> {
  const { index: notice, leaf, path, type, kind, first, last: until, commitment } = row.notice;
  const check = (good: boolean): void => must(good, "notice", name(row));
  check(await leadsToRoot(leaf, notice, path, checkpoint));
  if (row.state === "erased") {
    check(type === 6 && kind === 1 && first <= index && index <= until);
    return { state: "erased", index, notice };
  }
  const { salt, ground } = row;
  check(type === 9 && first === index && equal(await hmac(salt, utf8(ground)), commitment));
  const state = kind === 1 ? "deferred" : "withheld";
  return { state, index, notice, until, overdue: until !== 0 && until < now, ground };
}
