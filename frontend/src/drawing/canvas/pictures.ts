/** How a scan and its heat map are turned into what is seen. */

import type { Size } from "../plane";
import heat from "./heat.json";

/** Which grey values are shown, as in radiology: those around `level`, `width` of them, spread from black to white. */
export interface GreyWindow {
  level: number;
  width: number;
}

export const FULL_WINDOW: GreyWindow = { level: 127.5, width: 255 };

// Evenly spaced stops of the colour map that imaging/overlay.py names; a test compares them with it.
const STOPS = heat.stops.map((stop) => [1, 3, 5].map((at) => parseInt(stop.slice(at, at + 2), 16)));

/** How far a window may reach; values beyond what the picture shows as black and white are known only in 16 bits. */
export interface Reach {
  level: readonly [number, number];
  width: readonly [number, number];
}

export const REACH: Reach = { level: [0, 255], width: [2, 510] };
export const DEEP_REACH: Reach = { level: [-255, 510], width: [1, 1020] };

export function windowOf(level: number, width: number, reach = REACH): GreyWindow {
  const within = (value: number, [least, most]: readonly [number, number]) =>
    Math.min(Math.max(value, least), most);
  return { level: within(level, reach.level), width: within(width, reach.width) };
}

/** Decoded pictures, those that were used last at the end; a volume is leafed through without decoding it anew. */
const decoded = new Map<Blob, ImageData>();
/** How many bytes of decoded pictures are kept: a volume of 97 B-scans of 768 × 496 pixels. */
const KEPT_BYTES = 160 * 2 ** 20;
/** How much of that pictures may take that are decoded ahead; heat maps and the eye from the front need room, too. */
const SHARE_AHEAD = 0.9;

/** How many pictures of a size can be decoded ahead before the first of them is dropped again. */
export function mostAhead({ width, height }: Size): number {
  return Math.max(Math.floor((SHARE_AHEAD * KEPT_BYTES) / (4 * width * height)), 1);
}

/** The pixels of a picture, to be looked at only: others get the same. */
export async function pixelsOf(picture: Blob): Promise<ImageData> {
  const pixels = decodedAlready(picture) ?? (await decode(picture));
  keep(picture, pixels);
  return pixels;
}

/** The pixels of a picture if they are decoded. */
export function decodedAlready(picture: Blob): ImageData | undefined {
  return decoded.get(picture);
}

/** Shows the pixels of a picture, at once if they are decoded; returns what gives that up. */
export function onceDecoded(picture: Blob, show: (pixels: ImageData) => void): () => void {
  const pixels = decodedAlready(picture);
  let wanted = pixels === undefined;
  if (pixels) show(pixels);
  else void pixelsOf(picture).then((made) => wanted && show(made));
  return () => {
    wanted = false;
  };
}

function keep(picture: Blob, pixels: ImageData): void {
  decoded.delete(picture);
  decoded.set(picture, pixels);
  let bytes = 0;
  for (const [kept, { data }] of [...decoded].reverse()) {
    bytes += data.length;
    if (bytes > KEPT_BYTES && kept !== picture) decoded.delete(kept);
  }
}

async function decode(picture: Blob): Promise<ImageData> {
  const bitmap = await createImageBitmap(picture);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

export function canvasOf({ width, height }: ImageData): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

/** Shows the pixels on the canvas through a window of grey values. */
export function showWindowed(pixels: ImageData, canvas: HTMLCanvasElement, window: GreyWindow): void {
  const context = canvas.getContext("2d")!;
  // Leafing through a volume, this is most of the work for a picture.
  if (window === FULL_WINDOW) return context.putImageData(pixels, 0, 0);
  const { level, width } = window;
  const lookup = new Uint8ClampedArray(256);
  for (let value = 0; value < 256; value++) lookup[value] = ((value - (level - width / 2)) / width) * 255;
  const shown = new ImageData(pixels.width, pixels.height);
  const [from, to] = [pixels.data, shown.data];
  for (let at = 0; at < from.length; at += 4) {
    to[at] = lookup[from[at]!]!;
    to[at + 1] = lookup[from[at + 1]!]!;
    to[at + 2] = lookup[from[at + 2]!]!;
    to[at + 3] = from[at + 3]!;
  }
  context.putImageData(shown, 0, 0);
}

/** Colours a grey heat map: where it is weak the scan shows through. */
export function showColoured(map: ImageData, canvas: HTMLCanvasElement): void {
  const shown = new ImageData(map.width, map.height);
  for (let at = 0; at < map.data.length; at += 4) {
    const value = map.data[at]! / 255;
    const place = value * (STOPS.length - 1);
    const [low, high] = [STOPS[Math.floor(place)]!, STOPS[Math.ceil(place)]!];
    for (let channel = 0; channel < 3; channel++) {
      shown.data[at + channel] = low[channel]! + (high[channel]! - low[channel]!) * (place % 1);
    }
    shown.data[at + 3] = 255 * Math.min(1, value * 1.25);
  }
  canvas.getContext("2d")!.putImageData(shown, 0, 0);
}
