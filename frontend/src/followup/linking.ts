/** Which B-scan of one volume lies where a B-scan of another does. */

import type { Volume } from "../api/types";

/** What is needed of a volume: how many places it has, which of them are there, and how far apart they are. */
export type Lying = Pick<Volume, "count" | "pattern"> & {
  bscans: readonly { place: number }[];
  spacing: Pick<Volume["spacing"], "between">;
};

/** "distance" from the middle of the volume where both files say how far apart B-scans are, else by "share". */
export type Linking = "distance" | "share";

/** B-scans at one distance: of files that say no pattern, a known distance is that of parallel ones. */
const PARALLEL = ["", "raster"];

export function linkingOf(one: Lying, other: Lying): Linking {
  return distanceOf(one) !== null && distanceOf(other) !== null ? "distance" : "share";
}

/** The index of the B-scan of `to` that lies where the one at `index` of `from` does, as near as there is one. */
export function matching(from: Lying, index: number, to: Lying): number {
  const place = from.bscans[index]?.place ?? 0;
  return nearest(to, placeIn(from, place, to));
}

function placeIn(from: Lying, place: number, to: Lying): number {
  const [here, there] = [distanceOf(from), distanceOf(to)];
  if (here !== null && there !== null) {
    // Volumes of one eye are centred on the same spot, whatever they cover.
    return middleOf(to) + ((place - middleOf(from)) * here) / there;
  }
  return middleOf(from) === 0 ? middleOf(to) : (place / (from.count - 1)) * (to.count - 1);
}

function nearest({ bscans }: Lying, place: number): number {
  let [found, least] = [0, Infinity];
  bscans.forEach((bscan, index) => {
    const away = Math.abs(bscan.place - place);
    if (away < least) [found, least] = [index, away];
  });
  return found;
}

function middleOf({ count }: Lying): number {
  return (count - 1) / 2;
}

function distanceOf({ spacing, pattern }: Lying): number | null {
  return PARALLEL.includes(pattern) ? spacing.between : null;
}
