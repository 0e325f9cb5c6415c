// A reader for the deterministic encoding of RFC 8949, section 4.2.1, cut down to what payloads use:
// unsigned integers, bytes, texts, arrays, maps with unsigned keys. All else is refused.
import { type Bytes, text } from "./bytes.ts";
import { form } from "./fault.ts";

export type Cbor = number | string | Bytes | Cbor[] | Map<number, Cbor>;

/** Payloads nest two deep. The limit only keeps hostile bytes from exhausting the stack. */
const deepest = 8;

/** The one value the bytes hold; all else is `malformed`. */
export function cbor(bytes: Bytes): Cbor {
  let at = 0;
  const check: (good: boolean) => asserts good = (good) => form(good, "CBOR");

  const argument = (info: number): number => {
    if (info < 24) return info;
    const length = 1 << (info - 24);
    check(info < 28 && at + length <= bytes.length);
    let value = 0;
    for (const end = at + length; at < end; at++) value = value * 256 + bytes[at]!;
    // The shortest form only, and only what a number holds exactly.
    check(value >= (length === 1 ? 24 : 2 ** (4 * length)) && value <= Number.MAX_SAFE_INTEGER);
    return value;
  };

  const item = (depth: number): Cbor => {
    check(depth <= deepest && at < bytes.length);
    const first = bytes[at++]!;
    const kind = first >> 5;
    const value = argument(first & 31);
    if (kind === 0) return value;
    // Every item takes a byte or more, so a count beyond what is left is a lie; say so before looping.
    check(value <= bytes.length - at && kind > 1 && kind < 6);
    if (kind < 4) {
      const part = bytes.subarray(at, (at += value));
      const read = kind === 2 ? part : text(part);
      check(read !== undefined);
      return read;
    }
    if (kind === 4) {
      const list: Cbor[] = [];
      while (list.length < value) list.push(item(depth + 1));
      return list;
    }
    const map = new Map<number, Cbor>();
    let before = -1;
    while (map.size < value) {
      const key = item(depth + 1);
      check(typeof key === "number" && key > before);
      map.set(key, item(depth + 1));
      before = key;
    }
    return map;
  };

  const value = item(0);
  check(at === bytes.length);
  return value;
}
