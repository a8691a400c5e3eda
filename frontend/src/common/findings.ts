/** What the model thinks it sees on a scan: how the kinds of findings are named and drawn, and what they cover. */

import type { Findings, FoundRegion, Scan } from "../api/types";
import table from "./findings.json";

/** How a kind of finding looks: its line's colour, and the path with which a tile of 8 × 8 is hatched. */
export interface FindingLook {
  name: string;
  colour: string;
  hatch: string;
}

/** A kind that was found: its regions, largest first, and the share of the picture, 0 to 1, that they cover. */
export interface FoundKind extends FindingLook {
  kind: string;
  share: number;
  regions: FoundRegion[];
}

const LOOKS: Readonly<Record<string, FindingLook>> = table;
const DOTS = "M2 2H3M6 6H7";
const SQUARE_MICROMETRES = 1e6;

/** How a kind is named and drawn; an unknown kind, of a later model, is named by its code. */
export function lookOf(kind: string): FindingLook {
  return LOOKS[kind] ?? { name: kind.replaceAll("_", " "), colour: "#ffffff", hatch: DOTS };
}

/** The kinds that were found, in the order in which the model names them. */
export function foundKinds({ kinds, regions }: Findings): FoundKind[] {
  return kinds
    .map((kind) => {
      const found = regions.filter(({ finding }) => finding === kind);
      return {
        kind,
        ...lookOf(kind),
        regions: found,
        share: found.reduce((sum, { share }) => sum + share, 0),
      };
    })
    .filter(({ regions: found }) => found.length > 0);
}

/** An area in square millimetres; null where the size of a pixel is not known. */
export function squareMillimetres(
  share: number,
  {
    width,
    height,
    micrometres_x: across,
    micrometres_y: down,
  }: Pick<Scan, "width" | "height" | "micrometres_x" | "micrometres_y">,
): number | null {
  return across === null || down === null
    ? null
    : (share * width * height * across * down) / SQUARE_MICROMETRES;
}
