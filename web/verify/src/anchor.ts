import { type Bytes, decimal, fits, unbase64 } from "./bytes.ts";
import { form } from "./fault.ts";
import { ed25519Log, mlDsa44, parseKey } from "./note.ts";

export interface GateKey {
  gate: number;
  from: number;
  key: Bytes;
}

/** The end of the period in Unix seconds, or nothing if it is no month from 1970 to 9999. */
export function monthEnd(period: number): number | undefined {
  const year = Math.floor(period / 100);
  const month = period - 100 * year;
  if (!Number.isInteger(period) || month < 1 || month > 12 || year < 1970 || year > 9999) return undefined;
  return Date.UTC(year, month) / 1000;
}

// The first line, then the facts in their order.
const shape =
  /^kepil-anchor\/v1\nlaw [0-9a-f]{64}\n(gate \d+ \d+ \S+\n)*policy [0-9a-f]{64}\n(next-log-key \S+ \d+\n)*$/;

/** The keys of the gates. All lines are checked, those without use here as well. */
export async function parseAnchor(anchor: string): Promise<GateKey[]> {
  form(fits(anchor, 1) && shape.test(anchor), "anchor");
  const keys: GateKey[] = [];
  const seen = new Set<string>();
  for (const line of anchor.split("\n")) {
    const [word, a = "", b = "", c = ""] = line.split(" ");
    const moment = decimal(b);
    if (word === "gate") {
      const [gate, key, from] = [decimal(a), unbase64(c), a + " " + b];
      // One gate has one key from one moment on.
      form(gate! < 2 ** 32 && moment !== undefined && key?.length === 32 && !seen.has(from), line);
      seen.add(from);
      keys.push({ gate: gate!, from: moment, key });
    } else if (word === "next-log-key") {
      await parseKey(a, [ed25519Log, mlDsa44], line);
      form(moment !== undefined, line);
    }
  }
  return keys;
}

/** A key holds from its first moment until the next one of the same gate. */
export function gateKey(keys: GateKey[], gate: number, time: number): Bytes | undefined {
  let found: GateKey | undefined;
  for (const key of keys) {
    if (key.gate === gate && key.from <= time && key.from >= (found?.from ?? 0)) found = key;
  }
  return found?.key;
}
