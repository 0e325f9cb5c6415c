import { form } from "./fault.ts";

/** Bytes in memory that nobody shares; WebCrypto takes no others. */
export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
// A byte order mark is a character like others here: dropping it would let two texts read alike.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const utf8 = (text: string): Bytes => encoder.encode(text);

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Limits count bytes, not characters. Bytes are never fewer, so most is said before coding. */
export const fits = (text: string, mebibytes: number): boolean =>
  text.length <= mebibytes << 20 && utf8(text).length <= mebibytes << 20;

/** Strict UTF-8, or nothing. */
export const text = (bytes: Bytes): string | undefined => attempt(() => decoder.decode(bytes));

/** Joins bytes; a number stands for one byte. */
export function concat(...parts: (Uint8Array | number)[]): Bytes {
  const bytes = parts.map((part) => (typeof part === "number" ? [part] : part));
  const all = new Uint8Array(bytes.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of bytes) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export function hex(bytes: Uint8Array): string {
  let out = "";
  for (const byte of bytes) out += (byte < 16 ? "0" : "") + byte.toString(16);
  return out;
}

/** Standard, padded, canonical base64 (RFC 4648, section 4), or nothing. */
export function unbase64(coded: string): Bytes | undefined {
  const raw = attempt(() => atob(coded));
  // `atob` forgives spaces, missing padding and stray bits. Coding it again does not.
  if (raw === undefined || btoa(raw) !== coded) return undefined;
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

/**
 * A decimal without leading zero, at most 2^64 − 1, or nothing.
 * Like `Reader.u64` it gives Infinity for what a number cannot hold exactly.
 */
export function decimal(digits: string): number | undefined {
  if (!/^(0|[1-9][0-9]{0,19})$/.test(digits)) return undefined;
  const value = BigInt(digits);
  return value >> 64n ? undefined : exact(value);
}

export const exact = (value: bigint): number => (value <= Number.MAX_SAFE_INTEGER ? Number(value) : Infinity);

export const u32 = (value: number): Bytes => concat(value >>> 24, value >>> 16, value >>> 8, value);

/** Big-endian bytes of a number below 2^53. */
export const u64 = (value: number): Bytes => concat(u32(value / 2 ** 32), u32(value));

/** Reads big-endian fields one after another; running short is `malformed`. */
export class Reader {
  private at = 0;
  private readonly view: DataView;

  constructor(private readonly bytes: Bytes) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  private skip(length: number): number {
    form(length <= this.left, "block");
    const at = this.at;
    this.at += length;
    return at;
  }

  take(length: number): Bytes {
    const at = this.skip(length);
    return this.bytes.subarray(at, at + length);
  }

  u8(): number {
    return this.view.getUint8(this.skip(1));
  }

  u16(): number {
    return this.view.getUint16(this.skip(2));
  }

  u32(): number {
    return this.view.getUint32(this.skip(4));
  }

  /**
   * A value above 2^53 − 1 reads as Infinity. No index, size or time of this world comes near,
   * and Infinity compares rightly with every smaller number: above all of them, equal to none.
   */
  u64(): number {
    return exact(this.big());
  }

  /** The same field without a loss. */
  big(): bigint {
    return this.view.getBigUint64(this.skip(8));
  }
}
