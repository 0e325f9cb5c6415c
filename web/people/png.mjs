// Makes pictures of pages small: few colours, a palette, and the best compression there is.
import assert from "node:assert/strict";
import { crc32, deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from("89504e470d0a1a0a", "hex");

function* chunks(png) {
  for (let at = SIGNATURE.length; at < png.length; ) {
    const length = png.readUInt32BE(at);
    yield [png.toString("latin1", at + 4, at + 8), png.subarray(at + 8, at + 8 + length)];
    at += length + 12;
  }
}

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

function paeth(a, b, c) {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  if (pa <= pb && pa <= pc) return a;
  return pb <= pc ? b : c;
}

/** The pixels of a picture with 8 bits a channel, as Chromium writes it. */
function pixels(png) {
  const all = [...chunks(png)];
  const head = all.find(([name]) => name === "IHDR")[1];
  const [width, height] = [head.readUInt32BE(0), head.readUInt32BE(4)];
  const size = { 2: 3, 6: 4 }[head[9]];
  assert.ok(head[8] === 8 && size && head[12] === 0, "a picture of another kind");
  const raw = inflateSync(Buffer.concat(all.filter(([name]) => name === "IDAT").map(([, data]) => data)));
  const row = width * size;
  const out = Buffer.alloc(row * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (row + 1)];
    for (let x = 0; x < row; x++) {
      const a = x >= size ? out[y * row + x - size] : 0;
      const b = y > 0 ? out[(y - 1) * row + x] : 0;
      const c = x >= size && y > 0 ? out[(y - 1) * row + x - size] : 0;
      const guess = [0, a, b, (a + b) >> 1, paeth(a, b, c)][filter];
      out[y * row + x] = raw[y * (row + 1) + 1 + x] + guess;
    }
  }
  return { width, height, size, out };
}

/** How far two colours are from each other. */
function distance(one, other) {
  const part = (shift) => ((one >> shift) & 255) - ((other >> shift) & 255);
  return part(16) ** 2 + part(8) ** 2 + part(0) ** 2;
}

/** At most 256 colours: the most frequent of each part of the colour space, then the most frequent. */
function choose(counts) {
  const frequent = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([one]) => one);
  const part = (one) => [16, 8, 0].map((shift) => Math.floor(((one >> shift) & 255) / 43)).join();
  const parts = new Map();
  for (const one of frequent) if (!parts.has(part(one))) parts.set(part(one), one);
  return [...new Set([...parts.values(), ...frequent])].slice(0, 256);
}

/** The same picture in fewer colours; the others go to the nearest of them. */
export function small(png) {
  const { width, height, size, out } = pixels(png);
  const colour = (n) => out.readUIntBE(n * size, 3);
  const counts = new Map();
  for (let n = 0; n < width * height; n++) counts.set(colour(n), (counts.get(colour(n)) ?? 0) + 1);
  const palette = choose(counts);
  const places = new Map(palette.map((one, place) => [one, place]));
  const place = (one) => {
    if (!places.has(one)) {
      const near = palette.reduce((best, other) => (distance(one, other) < distance(one, best) ? other : best));
      places.set(one, places.get(near));
    }
    return places.get(one);
  };
  const body = Buffer.alloc((width + 1) * height);
  for (let n = 0; n < width * height; n++) body[n + 1 + Math.floor(n / width)] = place(colour(n));
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", head),
    chunk("PLTE", Buffer.from(palette.flatMap((one) => [one >> 16, (one >> 8) & 255, one & 255]))),
    chunk("IDAT", deflateSync(body, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}
