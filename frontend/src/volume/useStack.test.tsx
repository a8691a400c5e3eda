// @vitest-environment jsdom

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Scan } from "../api/types";
import { pixelsOf } from "../drawing/canvas/pictures";
import type { PictureCanvas } from "../drawing/canvas/PictureCanvas";
import { type Stack, useStack } from "./useStack";

/** As many and as large as those of a widespread device: all that are loaded ahead take more room than there is. */
const COUNT = 128;
const SIZE = { width: 512, height: 1024 };
const START = 65;

const scans = Array.from({ length: COUNT }, (_, at) => ({ image_path: `${at}`, deep_path: null, ...SIZE }));
/** Which B-scan a picture is of. */
const places = new WeakMap<Blob, number>();

/** What the canvas was told to show: of which B-scan, and whether with what belongs to it. */
let shown: [place: number, settled: boolean][];
let unmount: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  // A bitmap, its canvas and its pixels are the B-scan's number and a size here: jsdom draws nothing.
  vi.stubGlobal("createImageBitmap", async (picture: Blob) => ({
    place: places.get(picture),
    ...SIZE,
    close: () => undefined,
  }));
  class Canvas {
    private place = -1;
    getContext = () => ({
      drawImage: ({ place }: { place: number }) => (this.place = place),
      getImageData: () => ({ place: this.place, data: { length: 4 * SIZE.width * SIZE.height } }),
    });
  }
  vi.stubGlobal("OffscreenCanvas", Canvas);
});

afterEach(() => {
  unmount();
  vi.useRealTimers();
});

/** A volume that is opened at a B-scan, once the pictures around it are loaded and decoded. */
async function openVolume(): Promise<Stack> {
  shown = [];
  const queries = new QueryClient();
  for (const [place, { image_path }] of scans.entries()) {
    const picture = new Blob();
    places.set(picture, place);
    queries.setQueryData(["picture", image_path, ""], picture);
  }
  const canvas = {
    isWindowed: false,
    leaf: (pixels: { place: number }, settled: boolean) => shown.push([pixels.place, settled]),
  } as unknown as PictureCanvas;
  let opened: Stack;
  const onStack = (stack: Stack) => {
    opened = stack;
    return stack.attach(canvas);
  };
  const root = createRoot(document.createElement("div"));
  unmount = () => {
    act(() => root.unmount());
    queries.clear();
  };
  await act(async () => {
    root.render(
      <QueryClientProvider client={queries}>
        <Volume onStack={onStack} />
      </QueryClientProvider>,
    );
  });
  await allDecoded();
  return opened!;
}

const unfinished = { current: () => false };

function Volume({ onStack }: { onStack: (stack: Stack) => () => void }) {
  const { stack } = useStack(scans as unknown as Scan[], START, unfinished);
  useEffect(() => onStack(stack), [onStack, stack]);
  return null;
}

/** Lets all be done that waits for no timer, such as the one by which the page notices that the reader rests. */
async function allDecoded(): Promise<void> {
  await act(async () => void (await vi.advanceTimersByTimeAsync(0)));
}

describe("a volume that is leafed through", () => {
  it("shows the B-scans nearby at once", async () => {
    const stack = await openVolume();

    for (const place of [66, 65, 64]) stack.goTo(place);

    expect(shown).toEqual([
      [66, false],
      [65, true],
      [64, false],
    ]);
  });

  it("shows the B-scan that one comes back to before one has rested elsewhere", async () => {
    const stack = await openVolume();

    stack.goTo(74);
    stack.goTo(65);
    await allDecoded();

    expect(shown.at(-1)).toEqual([65, true]);
  });

  it("shows a B-scan that has to be decoded anew, but none that was passed meanwhile", async () => {
    const stack = await openVolume();
    for (let other = 0; other < 2 * COUNT; other++) await pixelsOf(new Blob());

    stack.goTo(66);
    await allDecoded();
    stack.goTo(70);
    stack.goTo(66);
    stack.goTo(65);
    await allDecoded();

    expect(shown).toEqual([
      [66, false],
      [66, false],
      [65, true],
    ]);
  });
});
