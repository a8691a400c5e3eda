import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import {
  type RefObject,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";

import { fetchPicture, pictureHere } from "../api/pictures";
import type { Scan } from "../api/types";
import { deepAlready, deepOf } from "../drawing/canvas/deep";
import { decodedAlready, mostAhead, pixelsOf } from "../drawing/canvas/pictures";
import type { PictureCanvas } from "../drawing/canvas/PictureCanvas";
import { texts } from "../texts";
import { nearestFirst, wheelSteps } from "./leafing";

/** How many B-scans to either side are loaded ahead, and decoded as far as there is room for them. */
const REACH = 48;
const AT_ONCE = 4;
/** How many to either side have their values of 16 bits loaded ahead, while they are looked at through a window. */
const DEEP_REACH = 8;
/** Who rests so long on a B-scan wants to see what belongs to it. */
const REST_MS = 80;

/** The B-scans of a volume to leaf through, one of which is looked at. */
export interface Stack {
  count: number;
  goTo: (index: number) => void;
  step: (by: number) => void;
  /** Lets the canvas show each B-scan at once, and be leafed through by its wheel; returns what ends that. */
  attach: (canvas: PictureCanvas) => () => void;
  /** Which of the B-scans is looked at, from 0 on; `useIndex` follows it. */
  index: () => number;
  subscribe: (listener: () => void) => () => void;
}

/** Which of the B-scans is looked at: only what shows it is rendered anew for each one that is leafed past. */
export function useIndex({ subscribe, index }: Stack): number {
  return useSyncExternalStore(subscribe, index);
}

/**
 * A stack of B-scans, looked at from `start` on. `shown` is the B-scan that the rest of the page shows: it follows when
 * the reader rests, so that leafing never waits for lists, forms and drawings. Nobody leafs on while a shape is
 * `unfinished`.
 */
export function useStack(
  scans: readonly Scan[],
  start: number,
  unfinished: RefObject<() => boolean>,
): { stack: Stack; shown: number } {
  const queries = useQueryClient();
  const [shown, setShown] = useState(start);
  const canvas = useRef<PictureCanvas | null>(null);
  const looked = useRef({ index: start, shown: start });
  const listeners = useRef(new Set<() => void>());
  const rest = useRef(0);
  const turns = useRef(0);
  useEffect(() => {
    looked.current.shown = shown;
  }, [shown]);
  useEffect(() => () => clearTimeout(rest.current), []);
  const index = useCallback(() => looked.current.index, []);
  const subscribe = useCallback((listener: () => void) => {
    listeners.current.add(listener);
    return () => listeners.current.delete(listener);
  }, []);

  /** At once if its picture is decoded, else once it is, unless another B-scan is looked at by then. */
  const show = useCallback(
    async (at: number) => {
      const turn = ++turns.current;
      const { image_path, deep_path } = scans[at]!;
      const picture = pictureHere(queries, image_path);
      if (!picture) return;
      const pixels = decodedAlready(picture) ?? (await pixelsOf(picture));
      if (turn !== turns.current) return;
      const settled = at === looked.current.shown;
      const deep = canvas.current?.isWindowed && deep_path ? pictureHere(queries, deep_path) : undefined;
      const values = deep && deepAlready(deep);
      canvas.current?.leaf(pixels, settled, values ?? null);
      // The rest of the page, which would have it decoded, has not left this B-scan.
      if (!settled || !deep || values) return;
      const decoded = await deepOf(deep);
      if (turn === turns.current) canvas.current?.setDeep(decoded);
    },
    [queries, scans],
  );

  const goTo = useCallback(
    (to: number) => {
      const next = Math.min(Math.max(to, 0), scans.length - 1);
      if (next === looked.current.index) return;
      if (unfinished.current())
        return void notifications.show({ id: "unfinished", message: texts.volume.unfinished });
      looked.current.index = next;
      void show(next);
      for (const listener of listeners.current) listener();
      clearTimeout(rest.current);
      rest.current = window.setTimeout(() => setShown(next), REST_MS);
    },
    [scans, show, unfinished],
  );
  const step = useCallback((by: number) => goTo(looked.current.index + by), [goTo]);
  const attach = useCallback(
    (made: PictureCanvas) => {
      canvas.current = made;
      made.scroller = wheelSteps(step);
      return () => {
        canvas.current = null;
        made.scroller = null;
      };
    },
    [step],
  );
  usePicturesAhead(scans, shown, canvas);
  const count = scans.length;
  return {
    stack: useMemo(
      () => ({ count, goTo, step, attach, index, subscribe }),
      [count, goTo, step, attach, index, subscribe],
    ),
    shown,
  };
}

/** Loads the pictures around one of them, the nearest first, and decodes as many as are kept. */
function usePicturesAhead(
  scans: readonly Scan[],
  index: number,
  canvas: RefObject<PictureCanvas | null>,
): void {
  const queries = useQueryClient();
  useEffect(() => {
    const left = [...nearestFirst(index, scans.length, REACH).entries()];
    const decodable = mostAhead(scans[index]!);
    let ended = false;
    const load = async () => {
      for (let next = left.shift(); next && !ended; next = left.shift()) {
        const [order, at] = next;
        // The view of a B-scan itself says what is wrong when its picture can't be loaded.
        const picture = await fetchPicture(queries, scans[at]!.image_path).catch(() => undefined);
        if (picture && order < decodable) await pixelsOf(picture);
      }
    };
    for (let line = 0; line < AT_ONCE; line++) void load();
    const values = canvas.current?.isWindowed
      ? nearestFirst(index, scans.length, DEEP_REACH).flatMap((at) => scans[at]!.deep_path ?? [])
      : [];
    const loadDeep = async () => {
      for (const path of values) {
        if (ended) return;
        await fetchPicture(queries, path).then(deepOf, () => undefined);
      }
    };
    void loadDeep();
    return () => {
      ended = true;
    };
  }, [queries, scans, index, canvas]);
}
