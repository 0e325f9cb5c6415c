// The block in the proof's extra line, and the leaves it carries.
import { type Bytes, Reader, text } from "./bytes.ts";
import { form } from "./fault.ts";

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
}

interface At {
  position: number;
}

export interface Shown extends At {
  state: "shown";
  type: number;
  salt: Bytes;
  /** Time, gate, decision and purpose, as they stand in the record. */
  middle: Bytes;
  time: number;
  gate: number;
  decision: number;
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
}

const block = "block";
const zero = new Uint8Array(32);

function readNotice(reader: Reader): Notice {
  const index = reader.u64();
  const leaf = reader.take(reader.u16());
  const path = Array.from({ length: reader.u8() }, () => reader.take(32));
  return { index, leaf, path };
}

function readRow(reader: Reader, position: number): Row {
  const state = reader.u8();
  if (state === 1) {
    const [type, salt, middle] = [reader.u8(), reader.take(32), reader.take(15)];
    const fields = new Reader(middle);
    return {
      position,
      state: "shown",
      type,
      salt,
      middle,
      time: fields.u64(),
      gate: fields.u32(),
      decision: fields.u8(),
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
  form(reader.u8() === 1, block);
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
  form(reader.left === 0, block);
  return { period, siblings, head, entries, rows };
}

export interface MapHead {
  covers: number;
  time: number;
  /** Period and root, as they stand. */
  roots: { period: number; root: Bytes }[];
}

/** A map head, or nothing if type or length are another's. */
export function parseHead(leaf: Bytes): MapHead | undefined {
  if (leaf[0] !== 2 || leaf.length < 53 || (leaf.length - 53) % 36) return undefined;
  const reader = new Reader(leaf.subarray(1));
  const period = reader.u32();
  const [covers, time, root] = [reader.u64(), reader.u64(), reader.take(32)];
  const roots = [{ period, root }];
  while (reader.left) roots.push({ period: reader.u32(), root: reader.take(32) });
  return { covers, time, roots };
}

/** An erasure notice of degree 1 that can be true, or nothing. */
export function parseErasure(leaf: Bytes): { first: number; last: number } | undefined {
  if (leaf.length !== 54 || leaf[0] !== 6 || leaf[1] !== 1) return undefined;
  const reader = new Reader(leaf.subarray(2));
  const [first, last, rows] = [reader.u64(), reader.u64(), reader.u32()];
  return rows >= 1 && rows <= last - first + 1 ? { first, last } : undefined;
}

export interface KeepingBack {
  kind: "deferred" | "withheld";
  index: number;
  until: number;
  commitment: Bytes;
}

/** A keeping back, or nothing. */
export function parseKeepingBack(leaf: Bytes): KeepingBack | undefined {
  if (leaf.length !== 50 || leaf[0] !== 9 || (leaf[1] !== 1 && leaf[1] !== 2)) return undefined;
  const reader = new Reader(leaf.subarray(2));
  return {
    kind: leaf[1] === 1 ? "deferred" : "withheld",
    index: reader.u64(),
    until: reader.u64(),
    commitment: reader.take(32),
  };
}
