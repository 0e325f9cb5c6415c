// C2SP: signed-note keys, tlog-checkpoint, tlog-cosignature 0x04, tlog-proof. All strict.
import { type Bytes, concat, decimal, fits, hex, unbase64, utf8 } from "./bytes.ts";
import { ed25519, sha256 } from "./crypto.ts";
import { form } from "./fault.ts";

export const ed25519Log = 0x01;
export const ed25519Cosigner = 0x04;
/** WebCrypto cannot check it. */
export const mlDsa44 = 0x06;

export interface Key {
  name: string;
  id: string;
  type: number;
  key: Bytes;
}

// Lines are split, not matched: a pattern that may step back fails on very long ones.
const goodName = (name: string): boolean => name !== "" && !/[+\p{White_Space}]/u.test(name);

export async function parseKey(vkey: string, types: number[], at: string): Promise<Key> {
  const [name = "", id, ...rest] = vkey.split("+");
  const coded = unbase64(rest.join("+"));
  form(goodName(name) && !!coded, at);
  const [type, key] = [coded[0]!, coded.subarray(1)];
  form(types.includes(type) && key.length === (type === mlDsa44 ? 1312 : 32), at);
  form(id === hex((await sha256(utf8(name), 10, coded)).subarray(0, 4)), at);
  return { name, id, type, key };
}

export interface Signature {
  name: string;
  id: string;
  bytes: Bytes;
}

export interface Checkpoint {
  body: Bytes;
  origin: string;
  size: number;
  root: Bytes;
  signatures: Signature[];
}

function parseSignature(line: string): Signature {
  const [dash, name = "", coded = "", ...rest] = line.split(" ");
  const bytes = unbase64(coded);
  form(dash === "—" && goodName(name) && !!bytes && bytes.length > 4 && !rest.length, "signature");
  return { name, id: hex(bytes.subarray(0, 4)), bytes: bytes.subarray(4) };
}

/** Three lines, an empty one, signatures. Extension lines are refused. */
export function parseCheckpoint(note: string): Checkpoint {
  // Lone surrogates have no UTF-8; they would all be signed as the same character.
  const clean = !/[\0-\x09\x0b-\x1f\u{d800}-\u{dfff}]/u.test(note);
  const [origin, digits = "", coded = "", gap, ...lines] = note.split("\n");
  const [size, root] = [decimal(digits), unbase64(coded)];
  const shaped = clean && gap === "" && lines.pop() === "" && lines.length > 0;
  // Not even an absurd log reaches 2^53 leaves; above it numbers would lie.
  form(shaped && !!origin && size !== undefined && size < Infinity && root?.length === 32, "checkpoint");
  const body = utf8(`${origin}\n${digits}\n${coded}\n`);
  return { body, origin, size, root, signatures: lines.map(parseSignature) };
}

/**
 * The time a cosigner states, 0 for a log's own signature, which states none;
 * nothing if the signature is not good.
 */
export async function signedAt({ type, key }: Key, { bytes }: Signature, body: Bytes): Promise<number | undefined> {
  const stamp = type === ed25519Cosigner ? 8 : 0;
  if (bytes.length !== stamp + 64) return undefined;
  const time = stamp ? new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0) : 0n;
  const message = stamp ? concat(utf8(`cosignature/v1\ntime ${time}\n`), body) : body;
  return (await ed25519(key, bytes.subarray(stamp), message)) ? Number(time) : undefined;
}

export interface ProofFile {
  extra: Bytes;
  index: number;
  path: Bytes[];
  checkpoint: Checkpoint;
}

export function parseProofFile(file: string): ProofFile {
  form(fits(file, 16), "proof");
  const cut = file.indexOf("\n\n");
  const [first, extraLine = "", indexLine = "", ...hashes] = file.slice(0, Math.max(cut, 0)).split("\n");
  const after = (line: string, word: string): string => (line.startsWith(word) ? line.slice(word.length) : "?");
  const extra = unbase64(after(extraLine, "extra "));
  const index = decimal(after(indexLine, "index "));
  form(first === "c2sp.org/tlog-proof@v1" && extra !== undefined && index !== undefined, "proof");
  const path = hashes.map((line) => {
    const hash = unbase64(line);
    form(hash?.length === 32, "proof");
    return hash;
  });
  return { extra, index, path, checkpoint: parseCheckpoint(file.slice(cut + 2)) };
}
