// The block in the proof's extra line, and the leaves it carries.
import { type Bytes, exact, Reader, text } from "./bytes.ts";
import { form } from "./fault.ts";
import { type Checkpoint, parseCheckpoint } from "./note.ts";

export interface Entry {
  index: number;
  /** The index in its eight bytes, as the chain takes it. */
  place: Bytes;
  commitment: Bytes;
}

export interface Notice {
  index: number;
  leaf: Bytes;
  path: Bytes[];
  /** Type of the leaf; the rest means something for 6, an erasure, and 9, a keeping back. */
  type: number;
  /** The erasure's degree or the kind of keeping back. */
  kind: number;
  /** Where the erasure begins, or the access kept back. */
  first: number;
  /** Where the erasure ends, or the day in Unix seconds. */
  last: number;
  commitment: Bytes;
}

interface At {
  position: number;
}

export interface Shown extends At {
  state: "shown";
  type: number;
  /** The type's name. */
  kind: string;
  salt: Bytes;
  /** Time, gate, decision and purpose, as they stand in the record. */
  middle: Bytes;
  time: number;
  gate: number;
  decision: string;
  purpose: number;
  signature: Bytes;
  blind: Bytes;
  nonce: Bytes;
  ciphertext: Bytes;
}

export interface Erased extends At {
  state: "erased";
  notice: Notice;
}

export interface Kept extends At {
  state: "kept";
  notice: Notice;
  salt: Bytes;
  ground: string;
}

export type Row = Shown | Erased | Kept;

export interface Block {
  period: number;
  /** Deepest first; where nothing was sent the sibling is zero. */
  siblings: Bytes[];
  head: Bytes;
  entries: Entry[];
  rows: Row[];
  /** For notices that came after the checkpoint the list is proved by. */
  later: Later | undefined;
}

export interface Later {
  checkpoint: Checkpoint;
  /** Of the same map head in its tree. */
  path: Bytes[];
}

const block = "block";
const zero = new Uint8Array(32);

const kinds = [undefined, "access", "outcome", "sealed", "opened"];
const decisions = [undefined, "permit", "deny", "emergency", "human"];
const outcomes = [undefined, "released", "not_released", "unknown", "person"];

/** Of the leaves, by type. A map head may be longer. */
const lengths = [undefined, 33, 53, 45, 37, 41, 54, 33, undefined, 50, 45];

const readPath = (reader: Reader): Bytes[] => Array.from({ length: reader.u8() }, () => reader.take(32));

/** Any leaf of the log is of its form here. Whether it excuses the entry is step 13a. */
function readNotice(reader: Reader): Notice {
  const index = reader.u64();
  const leaf = reader.take(reader.u16());
  const path = readPath(reader);
  const fields = new Reader(leaf);
  const type = fields.u8();
  form(type === 2 ? parseHead(leaf) !== undefined : leaf.length === lengths[type], block);
  // Every leaf has these bytes.
  const [kind, first, last] = [fields.u8(), fields.big(), fields.big()];
  if (type === 6) {
    const rows = fields.u32();
    form(kind >= 1 && kind <= 3 && rows >= 1 && rows <= last - first + 1n, block);
  }
  form(type !== 9 || kind === 1 || kind === 2, block);
  return { index, leaf, path, type, kind, first: exact(first), last: exact(last), commitment: leaf.slice(-32) };
}

function readRow(reader: Reader, position: number): Row {
  const state = reader.u8();
  if (state === 1) {
    const [type, salt, middle] = [reader.u8(), reader.take(32), reader.take(15)];
    const fields = new Reader(middle);
    const [time, gate, kind] = [fields.u64(), fields.u32(), kinds[type]];
    const decision = (type === 2 ? outcomes : decisions)[fields.u8()];
    form(!!kind && !!decision, block);
    return {
      position,
      state: "shown",
      type,
      kind,
      salt,
      middle,
      time,
      gate,
      decision,
      purpose: fields.u16(),
      signature: reader.take(64),
      blind: reader.take(32),
      nonce: reader.take(24),
      ciphertext: reader.take(reader.u32()),
    };
  }
  if (state === 2) return { position, state: "erased", notice: readNotice(reader) };
  form(state === 3, block);
  const [notice, salt] = [readNotice(reader), reader.take(32)];
  const ground = text(reader.take(reader.u16()));
  form(ground !== undefined, block);
  return { position, state: "kept", notice, salt, ground };
}

export function parseBlock(bytes: Bytes): Block {
  const reader = new Reader(bytes);
  const version = reader.u8();
  form(version === 1 || version === 2, block);
  const period = reader.u32();

  const length = reader.u8();
  const bitmap = reader.take(Math.ceil(length / 8));
  const set = (i: number): boolean => ((bitmap[i >> 3]! >> (i & 7)) & 1) === 1;
  for (let i = length; i < 8 * bitmap.length; i++) form(!set(i), block);
  const siblings: Bytes[] = [];
  for (let i = 0; i < length; i++) {
    const sibling = set(i) ? reader.take(32) : zero;
    // Otherwise one path could be written in two ways.
    form(!set(i) || sibling.some(Boolean), block);
    siblings.push(sibling);
  }
  const head = reader.take(reader.u16());

  const count = reader.u32();
  // Counts are believed only as far as the bytes reach.
  form(count <= reader.left / 40, block);
  const entries: Entry[] = [];
  while (entries.length < count) {
    const place = reader.take(8);
    entries.push({ index: new Reader(place).u64(), place, commitment: reader.take(32) });
  }

  const opened = reader.u32();
  const rows: Row[] = [];
  let before = -1;
  while (rows.length < opened) {
    const position = reader.u32();
    form(position > before && position < count, block);
    rows.push(readRow(reader, position));
    before = position;
  }
  let later: Later | undefined;
  if (version === 2) {
    const note = text(reader.take(reader.u32()));
    form(note !== undefined, block);
    later = { checkpoint: parseCheckpoint(note), path: readPath(reader) };
  }
  form(reader.left === 0, block);
  return { period, siblings, head, entries, rows, later };
}

export interface MapHead {
  covers: number;
  time: number;
  /** Period and root, as they stand. */
  roots: { period: number; root: Bytes }[];
}

/** A map head of its form, or nothing. */
export function parseHead(leaf: Bytes): MapHead | undefined {
  if (leaf[0] !== 2 || leaf.length < 53 || (leaf.length - 53) % 36) return undefined;
  const reader = new Reader(leaf.subarray(1));
  const period = reader.u32();
  const [covers, time, root] = [reader.u64(), reader.u64(), reader.take(32)];
  const roots = [{ period, root }];
  while (reader.left) {
    const row = { period: reader.u32(), root: reader.take(32) };
    if (row.period >= roots.at(-1)!.period) return undefined;
    roots.push(row);
  }
  return { covers, time, roots };
}
