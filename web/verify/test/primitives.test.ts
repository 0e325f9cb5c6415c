// Published vectors, and the verifier's own primitives against Node's.
import assert from "node:assert/strict";
import { createCipheriv, createHmac, randomBytes } from "node:crypto";
import { test } from "node:test";
import { gateKey, monthEnd } from "../src/anchor.ts";
import { concat, decimal, hex, Reader, text, u32, u64, unbase64, utf8 } from "../src/bytes.ts";
import { cbor } from "../src/cbor.ts";
import { Fault } from "../src/fault.ts";
import { ed25519, hmac, sha256, treeRoot } from "../src/crypto.ts";
import { chacha20, hchacha20, open, poly1305, xopen } from "../src/xchacha.ts";
import * as w from "./world.ts";

const bytes = (digits: string) => Uint8Array.from(Buffer.from(digits.replace(/\s/g, ""), "hex"));
const range = (from: number, length: number) => Uint8Array.from({ length }, (_, i) => from + i);
const sunscreen = utf8(
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
);

test("ChaCha20: RFC 8439, sections 2.3.2 and 2.4.2", () => {
  assert.equal(
    hex(chacha20(range(0, 32), bytes("000000090000004a00000000"), 1, new Uint8Array(64))),
    "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e" +
      "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e",
  );
  assert.equal(
    hex(chacha20(range(0, 32), bytes("000000000000004a00000000"), 1, sunscreen)),
    "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b" +
      "f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8" +
      "07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736" +
      "5af90bbf74a35be6b40b8eedf2785e42874d",
  );
});

test("Poly1305: RFC 8439, section 2.5.2 and the hard cases of appendix A.3", () => {
  const key = bytes("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b");
  assert.equal(hex(poly1305(key, utf8("Cryptographic Forum Research Group"))), "a8061dc1305136c6c22b8baf0c0127a9");
  const zeros = "00".repeat(16);
  const ones = "ff".repeat(16);
  const small = (n: string) => n + "00".repeat(15);
  const cases: [string, string, string][] = [
    [zeros + zeros, "00".repeat(64), zeros],
    [small("02") + zeros, ones, small("03")],
    [small("02") + ones, small("02"), small("03")],
    [small("01") + zeros, ones + "f0" + "ff".repeat(15) + small("11"), small("05")],
    [small("01") + zeros, ones + "fb" + "fe".repeat(15) + "01".repeat(16), zeros],
    [small("02") + zeros, "fd" + "ff".repeat(15), "fa" + "ff".repeat(15)],
    [
      "0100000000000000040000000000000" + "0" + zeros,
      "e33594d7505e43b900000000000000003394d7505e4379cd010000000000000000000000000000000000000000000000" +
        "01000000000000000000000000000000",
      "14000000000000005500000000000000",
    ],
    [
      "01000000000000000400000000000000" + zeros,
      "e33594d7505e43b900000000000000003394d7505e4379cd010000000000000000000000000000000000000000000000",
      "13000000000000000000000000000000",
    ],
  ];
  for (const [key, message, tag] of cases) assert.equal(hex(poly1305(bytes(key), bytes(message))), tag);
});

test("ChaCha20-Poly1305: RFC 8439, section 2.8.2", () => {
  const sealed = bytes(
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6" +
      "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36" +
      "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc" +
      "3ff4def08e4b7a9de576d26586cec64b6116" +
      "1ae10b594f09e26a7e902ecbd0600691",
  );
  const nonce = bytes("070000004041424344454647");
  const aad = bytes("50515253c0c1c2c3c4c5c6c7");
  assert.deepEqual(open(range(0x80, 32), nonce, sealed, aad), sunscreen);
  assert.equal(open(range(0x80, 32), nonce, sealed), undefined);
});

test("HChaCha20 and XChaCha20-Poly1305: draft-irtf-cfrg-xchacha-03, 2.2.1 and A.3.1", () => {
  assert.equal(
    hex(hchacha20(range(0, 32), bytes("000000090000004a0000000031415927"))),
    "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc",
  );
  const sealed = bytes(
    "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb" +
      "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452" +
      "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9" +
      "21f9664c97637da9768812f615c68b13b52e" +
      "c0875924c1c7987947deafd8780acf49",
  );
  const aad = bytes("50515253c0c1c2c3c4c5c6c7");
  assert.deepEqual(xopen(range(0x80, 32), range(0x40, 24), sealed, aad), sunscreen);
});

test("decryption agrees with Node at every length, and no bit of it may change", () => {
  for (let length = 0; length <= 260; length += length < 70 ? 1 : 13) {
    const [key, nonce, plain] = [randomBytes(32), randomBytes(24), randomBytes(length)].map((b) =>
      Uint8Array.from(b),
    ) as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>];
    const sealed = Uint8Array.from(w.xseal(key, nonce, plain));
    assert.deepEqual(xopen(key, nonce, sealed), plain);
    if (length !== 17) continue;
    for (let bit = 0; bit < 8 * sealed.length; bit++) {
      sealed[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(xopen(key, nonce, sealed), undefined);
      sealed[bit >> 3]! ^= 1 << (bit & 7);
    }
  }
  for (let length = 0; length < 16; length++) {
    assert.equal(xopen(range(0, 32), range(0, 24), new Uint8Array(length)), undefined);
  }
});

test("Poly1305 agrees with Node through the AEAD with additional data", () => {
  for (let i = 0; i < 40; i++) {
    const [key, nonce, aad, plain] = [32, 12, i, 3 * i].map((n) =>
      Uint8Array.from(randomBytes(n)),
    ) as Uint8Array<ArrayBuffer>[];
    const cipher = createCipheriv("chacha20-poly1305", key!, nonce!, { authTagLength: 16 });
    cipher.setAAD(aad!, { plaintextLength: plain!.length });
    const sealed = Uint8Array.from(Buffer.concat([cipher.update(plain!), cipher.final(), cipher.getAuthTag()]));
    assert.deepEqual(open(key!, nonce!, sealed, aad!), plain);
  }
});

test("SHA-256, HMAC (RFC 4231, case 2), Ed25519 (RFC 8032, test 2)", async () => {
  assert.equal(hex(await sha256(utf8("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.equal(hex(await sha256(0x61, utf8("b"), 0x63)), hex(await sha256(utf8("abc"))));
  assert.equal(
    hex(await hmac(utf8("Jefe"), utf8("what do ya want "), utf8("for nothing?"))),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
  // A short key and the same key filled with zeros are one key.
  const filled = concat(utf8("chain/v1"), new Uint8Array(24));
  assert.equal(hex(await hmac(utf8("chain/v1"), utf8("x"))), createHmac("sha256", filled).update("x").digest("hex"));
  const key = bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const signature = bytes(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  );
  assert.equal(await ed25519(key, signature, bytes("72")), true);
  assert.equal(await ed25519(key, signature, bytes("73")), false);
  assert.equal(await ed25519(key, signature.subarray(1), bytes("72")), false);
  assert.equal(await ed25519(key.subarray(1), signature, bytes("72")), false);
  // The same signature with the order of the group added to its second half.
  const again = bytes(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
      "f52db7e1583bab4ee7d7d6a9b00a32a1387b2eaeb4302aeeb00d291612bb0c10",
  );
  assert.equal(await ed25519(key, again, bytes("72")), false);
});

test("inclusion agrees with the definition of the tree for every leaf of every small tree", async () => {
  const leaves = Array.from({ length: 34 }, (_, i) => Uint8Array.of(i));
  for (let size = 1; size <= leaves.length; size++) {
    const some = leaves.slice(0, size);
    const root = hex(w.treeHash(some));
    for (let index = 0; index < size; index++) {
      const path = w.treePath(index, some).map((hash) => Uint8Array.from(hash));
      const lead = async (at: number, of: number, by: typeof path) => {
        const found = await treeRoot(leaves[index]!, at, of, by);
        return found && hex(found);
      };
      assert.equal(await lead(index, size, path), root);
      if (path.length) assert.notEqual(await lead(index, size, path.slice(1)), root);
      assert.notEqual(await lead(index, size, [...path, new Uint8Array(32)]), root);
      assert.notEqual(await lead(index + 1, size, path), root);
    }
  }
  assert.equal(await treeRoot(leaves[0]!, 1, 1, []), undefined);
  assert.equal(await treeRoot(leaves[0]!, 2 ** 40, 2 ** 40 + 1, []), undefined);
});

test("base64 is canonical", () => {
  assert.deepEqual(unbase64("AAEC"), Uint8Array.of(0, 1, 2));
  assert.deepEqual(unbase64(""), new Uint8Array());
  for (const bad of ["A", "AA", "AA=", "AB==", "AAB=", "AA==\n", " AA==", "AA_=", "AA==AA==", "é", "AAAA="]) {
    assert.equal(unbase64(bad), undefined, bad);
  }
});

test("decimals have one form", () => {
  assert.equal(decimal("0"), 0);
  assert.equal(decimal("9007199254740991"), 2 ** 53 - 1);
  assert.equal(decimal("9007199254740992"), Infinity);
  assert.equal(decimal("18446744073709551615"), Infinity);
  for (const bad of ["", "00", "01", "+1", "-1", "1 ", " 1", "1.0", "1e3", "0x1", "18446744073709551616", "٣"]) {
    assert.equal(decimal(bad), undefined, bad);
  }
});

test("numbers are big-endian", () => {
  assert.equal(hex(u32(0x01020304)), "01020304");
  assert.equal(hex(u32(2 ** 32 - 1)), "ffffffff");
  assert.equal(hex(u64(2 ** 53 - 1)), "001fffffffffffff");
  assert.equal(hex(u64(2 ** 32)), "0000000100000000");
  const reader = new Reader(bytes("01 0203 04050607 0000000100000000 0020000000000000 0a"));
  assert.deepEqual([reader.u8(), reader.u16(), reader.u32()], [1, 0x0203, 0x04050607]);
  assert.deepEqual([reader.u64(), reader.u64()], [2 ** 32, Infinity]);
  assert.throws(() => reader.u16(), Fault);
  assert.equal(reader.left, 1);
});

test("text is strict UTF-8, and a byte order mark is kept", () => {
  assert.equal(text(bytes("d093")), "Г");
  assert.equal(text(bytes("efbbbf41")), "\ufeffA");
  for (const bad of ["c0af", "ff", "eda080", "f4908080", "e2 82"]) assert.equal(text(bytes(bad)), undefined, bad);
});

test("CBOR: the deterministic encoding, and nothing else", () => {
  const reads: [string, unknown][] = [
    ["00", 0],
    ["17", 23],
    ["1818", 24],
    ["18ff", 255],
    ["190100", 256],
    ["1a00010000", 65536],
    ["1b0000000100000000", 2 ** 32],
    ["1b001fffffffffffff", 2 ** 53 - 1],
    ["40", new Uint8Array()],
    ["420102", Uint8Array.of(1, 2)],
    ["60", ""],
    ["62d093", "Г"],
    ["80", []],
    ["820102", [1, 2]],
    ["a0", new Map()],
    [
      "a201020304",
      new Map([
        [1, 2],
        [3, 4],
      ]),
    ],
    [
      "a217011818 02",
      new Map([
        [23, 1],
        [24, 2],
      ]),
    ],
  ];
  for (const [digits, value] of reads) assert.deepEqual(cbor(bytes(digits)), value, digits);
  for (let item: unknown = [1], i = 0; i < 300; i += 23, item = [i, "x".repeat(i)]) {
    assert.deepEqual(cbor(Uint8Array.from(w.cborBytes(item as number[]))), item);
  }
  const refused = [
    "", // nothing
    "0000", // something follows
    "1817", // 23 in two bytes
    "1900ff", // 255 in three
    "1a0000ffff", // 65535 in five
    "1b00000000ffffffff", // 2^32 - 1 in nine
    "1b0020000000000000", // more than a number holds
    "1bffffffffffffffff",
    "18", // cut off
    "1901",
    "1c", // reserved
    "1f",
    "20", // negative
    "42 01", // shorter than said
    "5f4101ff", // indefinite lengths
    "7f6141ff",
    "9f01ff",
    "bf0102ff",
    "5803010203", // a length in a longer form
    "61ff", // no UTF-8
    "8201", // too few
    "9affffffff", // as many as nobody has
    "bb0000000100000000",
    "a1", // no key
    "a101", // no value
    "a201020102", // a key twice
    "a203040102", // keys descending
    "a1 6141 01", // a key that is a text
    "a1 8001", // a key that is a list
    "c001", // a tag
    "f4", // false
    "f6", // null
    "f90000", // a float
    "fb0000000000000000",
    "ff",
    "81".repeat(100) + "00", // too deep
    "81".repeat(100000) + "00",
  ];
  for (const digits of refused) assert.throws(() => cbor(bytes(digits)), Fault, `accepted: ${digits.slice(0, 40)}`);
});

test("the end of a month", () => {
  assert.equal(monthEnd(202611), Date.parse("2026-12-01T00:00:00Z") / 1000);
  assert.equal(monthEnd(202612), Date.parse("2027-01-01T00:00:00Z") / 1000);
  assert.equal(monthEnd(202802), Date.parse("2028-03-01T00:00:00Z") / 1000);
  for (const bad of [0, 12, 196912, 202600, 202613, 1000001, -202611, NaN, Infinity, 202611.5]) {
    assert.equal(monthEnd(bad), undefined, String(bad));
  }
});

test("a gate's key holds until its next one, in whatever order they stand", () => {
  const key = (byte: number) => new Uint8Array(32).fill(byte);
  const keys = [
    { gate: 7, from: 20, key: key(2) },
    { gate: 7, from: 10, key: key(1) },
    { gate: 8, from: 0, key: key(3) },
  ];
  assert.equal(gateKey(keys, 7, 9), undefined);
  assert.deepEqual(gateKey(keys, 7, 10), key(1));
  assert.deepEqual(gateKey(keys, 7, 19), key(1));
  assert.deepEqual(gateKey(keys, 7, 20), key(2));
  assert.deepEqual(gateKey(keys, 8, 0), key(3));
  assert.equal(gateKey(keys, 9, 50), undefined);
});
