import { type Bytes, concat } from "./bytes.ts";
import { must } from "./fault.ts";

/** Not there on a page that came over plain http from another machine. */
export const subtle = globalThis.crypto?.subtle;

export async function sha256(...message: (Uint8Array | number)[]): Promise<Bytes> {
  return new Uint8Array(await subtle.digest("SHA-256", concat(...message)));
}

export async function hmac(key: Bytes, ...message: Uint8Array[]): Promise<Bytes> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const made = await subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return new Uint8Array(await subtle.sign("HMAC", made, concat(...message)));
}

/** A key that is no point of the curve verifies nothing; a browser without Ed25519 is no fault of the proof. */
export async function ed25519(key: Bytes, signature: Bytes, message: Bytes): Promise<boolean> {
  try {
    const made = await subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
    return await subtle.verify("Ed25519", made, signature, message);
  } catch (error) {
    must((error as Error).name !== "NotSupportedError", "unsupported", "Ed25519");
    return false;
  }
}

/** RFC 6962: the root a leaf leads to, or nothing if the path is not of the right length. */
export async function treeRoot(leaf: Bytes, index: number, size: number, path: Bytes[]): Promise<Bytes | undefined> {
  if (index >= size) return undefined;
  let root = await sha256(0, leaf);
  // Plain division instead of shifts: shifts would cut at 32 bits.
  const half = (n: number): number => Math.floor(n / 2);
  let node = index;
  let last = size - 1;
  for (const sibling of path) {
    if (last === 0) return undefined;
    if (node % 2 === 1 || node === last) {
      root = await sha256(1, sibling, root);
      while (node % 2 === 0 && node !== 0) {
        node = half(node);
        last = half(last);
      }
    } else {
      root = await sha256(1, root, sibling);
    }
    node = half(node);
    last = half(last);
  }
  return last === 0 ? root : undefined;
}
