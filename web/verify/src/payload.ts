import { type Bytes, hex, Reader } from "./bytes.ts";
import { type Cbor, cbor } from "./cbor.ts";
import { form } from "./fault.ts";

/** What the gate wrote for the person. Bytes stand in hexadecimal. Absent values are left out. */
export interface Payload {
  version: 1;
  kind: "decision" | "outcome" | "opened";
  time: number;
  system?: string;
  official?: string;
  person?: string;
  request?: string;
  actor?: string;
  operation?: string;
  purpose?: string;
  categories?: string[];
  fields?: string[];
  cited?: string[];
  clock?: string;
  facts?: string;
  lawPack?: string;
  lawVersion?: string;
  verdict?: string;
  strictVerdict?: string;
  tests?: string[];
  grounds?: string[];
  missing?: string[];
  repeated?: string;
  mandate?: string;
  intent?: number;
  outcome?: string;
  answer?: string;
  sealed?: number;
  order?: string;
  deferredUntil?: number;
}

// The key is the place in this list.
const fields = [
  ["version,kind,time", "number"],
  ["system,official,person,request,actor,operation,purpose", "string"],
  ["categories,fields,cited", "list"],
  ["clock", "string"],
  ["facts,lawPack,lawVersion", "bytes"],
  ["verdict,strictVerdict", "string"],
  ["tests,grounds,missing", "list"],
  ["repeated,mandate", "string"],
  ["intent", "number"],
  ["outcome", "string"],
  ["answer", "bytes"],
  ["sealed", "number"],
  ["order", "string"],
  ["deferredUntil", "number"],
].flatMap(([names, type]) => names!.split(",").map((name) => [name, type!] as const));

const kinds = [undefined, "decision", "outcome", "opened"];
function value(type: string | undefined, found: Cbor): unknown {
  // What is empty is left out, so that a payload has one spelling.
  if ((found as { length?: number }).length === 0) return undefined;
  if (type === typeof found) return found;
  if (type === "bytes" && found instanceof Uint8Array) return hex(found);
  if (type === "list" && Array.isArray(found) && found.every((part) => typeof part === "string")) return found;
  return undefined;
}

/** Takes off length and padding and reads the map; `malformed` if either is not of its form. */
export function parsePayload(plain: Bytes): Payload {
  const reader = new Reader(plain);
  const length = reader.u32();
  // Not a byte more of padding than needed.
  form(plain.length % 64 === 0 && length <= reader.left && reader.left - length < 64, "payload");
  const map = cbor(reader.take(length));
  form(map instanceof Map && !reader.take(reader.left).some(Boolean), "payload");

  const payload: Record<string, unknown> = {};
  for (const [key, found] of map) {
    const [name = "", type] = fields[key] ?? [];
    payload[name] = value(type, found);
    form(payload[name] !== undefined, `payload:${key}`);
  }
  payload["kind"] = kinds[payload["kind"] as number];
  const { version, kind, time } = payload as unknown as Payload;
  form(version === 1 && !!kind && time !== undefined, "payload");
  return payload as unknown as Payload;
}
