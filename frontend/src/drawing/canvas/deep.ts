/**
 * The values of a scan in 16 bits. Browsers decode pictures to 8 bits, so what the server sends, a grey PNG as
 * imaging/png.py writes it, is decoded here (W3C, "PNG Specification", sections 5, 9 and 11.2).
 */

import type { GreyWindow } from "./pictures";

export interface DeepPixels {
  width: number;
  height: number;
  values: Uint16Array;
}

/** Which values the picture shows black and white; black is the greater one in files that count downwards. */
export interface Ends {
  black: number;
  white: number;
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const GREY = 0;
const BYTES = 2;

/** Decodes a grey PNG of 16 bits. Raises an Error for any other. */
export async function decodeDeep(picture: Blob): Promise<DeepPixels> {
  const bytes = new Uint8Array(await picture.arrayBuffer());
  const view = new DataView(bytes.buffer);
  if (SIGNATURE.some((byte, at) => bytes[at] !== byte)) throw new Error("no PNG");
  let [width, height] = [0, 0];
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let at = SIGNATURE.length; at + 8 <= bytes.length;) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const begin = at + 8;
    if (kind === "IHDR") {
      [width, height] = [view.getUint32(begin), view.getUint32(begin + 4)];
      const [bits, colour, , , interlaced] = bytes.subarray(begin + 8, begin + 13);
      if (bits !== 8 * BYTES || colour !== GREY || interlaced) throw new Error("no grey PNG of 16 bits");
    } else if (kind === "IDAT") parts.push(bytes.subarray(begin, begin + length));
    at = begin + length + 4;
  }
  const inflated = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  const rows = new Uint8Array(await new Response(inflated).arrayBuffer());
  if (rows.length !== height * (BYTES * width + 1)) throw new Error("a PNG that is not whole");
  return { width, height, values: unfiltered(rows, width, height) };
}

/** Undoes the filters that imaging/png.py uses: none, and the difference from the pixel to the left. */
function unfiltered(rows: Uint8Array, width: number, height: number): Uint16Array {
  const values = new Uint16Array(width * height);
  let from = 0;
  for (let y = 0, to = 0; y < height; y++) {
    const filter = rows[from++]!;
    if (filter > 1) throw new Error(`a filter of PNG that is not used here: ${filter}`);
    let [high, low] = [0, 0];
    for (let x = 0; x < width; x++, from += BYTES) {
      high = filter ? (high + rows[from]!) & 255 : rows[from]!;
      low = filter ? (low + rows[from + 1]!) & 255 : rows[from + 1]!;
      values[to++] = (high << 8) | low;
    }
  }
  return values;
}

/** What each of the 65,536 values looks like through a window, whose values 0 to 255 lie between the ends. */
export function deepLookup({ level, width }: GreyWindow, { black, white }: Ends): Uint8ClampedArray {
  const lookup = new Uint8ClampedArray(65_536);
  const scale = 255 / (white - black || 1);
  const bottom = level - width / 2;
  for (let value = 0; value < lookup.length; value++)
    lookup[value] = (((value - black) * scale - bottom) / width) * 255;
  return lookup;
}

/** The values of a window as the file counts them. */
export function inFileValues({ level, width }: GreyWindow, { black, white }: Ends): GreyWindow {
  const step = (white - black) / 255;
  return { level: black + level * step, width: width * Math.abs(step) };
}

/** Values as pixels through a lookup table. */
export function windowedDeep(deep: DeepPixels, lookup: Uint8ClampedArray): ImageData {
  const shown = new ImageData(deep.width, deep.height);
  const to = new Uint32Array(shown.data.buffer);
  const { values } = deep;
  for (let at = 0; at < values.length; at++) to[at] = 0xff000000 | (lookup[values[at]!]! * 0x010101);
  return shown;
}

/** Decoded values, those that were used last at the end. */
const decoded = new Map<Blob, DeepPixels>();
/** A volume of 49 B-scans of 768 × 496 pixels, and some of its neighbours. */
const KEPT_BYTES = 64 * 2 ** 20;

export function deepAlready(picture: Blob): DeepPixels | undefined {
  return decoded.get(picture);
}

export async function deepOf(picture: Blob): Promise<DeepPixels> {
  const deep = decoded.get(picture) ?? (await decodeDeep(picture));
  decoded.delete(picture);
  decoded.set(picture, deep);
  let bytes = 0;
  for (const [kept, { values }] of [...decoded].reverse()) {
    bytes += values.byteLength;
    if (bytes > KEPT_BYTES && kept !== picture) decoded.delete(kept);
  }
  return deep;
}
