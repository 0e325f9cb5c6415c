// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03, RFC 8439), decryption only.
// It need not run in constant time: the reader decrypts own data on the own machine.
import { type Bytes, concat, equal } from "./bytes.ts";

// Words as they lie in memory: whatever runs a browser is little-endian, like the ciphers.
const words = (bytes: Bytes): Uint32Array => new Uint32Array(bytes.slice().buffer);
const unwords = (...state: number[]): Bytes => new Uint8Array(Uint32Array.from(state).buffer);

const constants = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574];

function quarter(s: Uint32Array, a: number, b: number, c: number, d: number): void {
  const mix = (x: number, y: number, z: number, bits: number): void => {
    s[x]! += s[y]!;
    const v = s[z]! ^ s[x]!;
    s[z] = (v << bits) | (v >>> (32 - bits));
  };
  mix(a, b, d, 16);
  mix(c, d, b, 12);
  mix(a, b, d, 8);
  mix(c, d, b, 7);
}

/** Twenty rounds over the state, without adding the state afterwards. */
function rounds(state: number[]): Uint32Array {
  const s = Uint32Array.from(state);
  for (let i = 0; i < 10; i++) {
    for (let j = 0; j < 4; j++) quarter(s, j, 4 + j, 8 + j, 12 + j);
    for (let j = 0; j < 4; j++) quarter(s, j, 4 + ((j + 1) % 4), 8 + ((j + 2) % 4), 12 + ((j + 3) % 4));
  }
  return s;
}

export function hchacha20(key: Bytes, nonce: Bytes): Bytes {
  const s = rounds([...constants, ...words(key), ...words(nonce)]);
  return unwords(...s.subarray(0, 4), ...s.subarray(12));
}

export function chacha20(key: Bytes, nonce: Bytes, counter: number, data: Bytes): Bytes {
  const out = data.slice();
  const fixed = [...constants, ...words(key)];
  const tail = words(nonce);
  for (let at = 0; at < out.length; at += 64, counter++) {
    const state = [...fixed, counter, ...tail];
    const stream = unwords(...rounds(state).map((word, i) => word + state[i]!));
    for (let i = at; i < at + 64 && i < out.length; i++) out[i]! ^= stream[i - at]!;
  }
  return out;
}

const number = (bytes: Uint8Array): bigint => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

export function poly1305(key: Bytes, message: Bytes): Bytes {
  const p = (1n << 130n) - 5n;
  const r = number(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16) {
    const block = message.subarray(at, at + 16);
    sum = ((sum + number(block) + (1n << BigInt(8 * block.length))) * r) % p;
  }
  sum += number(key.subarray(16));
  return Uint8Array.from({ length: 16 }, (_, i) => Number((sum >> BigInt(8 * i)) & 255n));
}

/** RFC 8439, section 2.8: the plaintext, or nothing if the tag is not right. */
export function open(key: Bytes, nonce: Bytes, sealed: Bytes, aad: Bytes = new Uint8Array()): Bytes | undefined {
  const length = sealed.length - 16;
  if (length < 0) return undefined;
  const data = sealed.subarray(0, length);
  const once = chacha20(key, nonce, 0, new Uint8Array(32));
  const pad = (bytes: Bytes): Bytes => new Uint8Array(-bytes.length & 15);
  const lengths = unwords(aad.length, 0, length, 0);
  const tag = poly1305(once, concat(aad, pad(aad), data, pad(data), lengths));
  return equal(tag, sealed.subarray(length)) ? chacha20(key, nonce, 1, data) : undefined;
}

export function xopen(key: Bytes, nonce: Bytes, sealed: Bytes, aad?: Bytes): Bytes | undefined {
  const inner = concat(new Uint8Array(4), nonce.subarray(16));
  return open(hchacha20(key, nonce.subarray(0, 16)), inner, sealed, aad);
}
