/** What the model thinks it sees on a scan: how the kinds of findings are named and drawn, and what they cover. */

import type { Findings, FoundRegion, Modality, Scan } from "../api/types";

/** How a kind of finding is named and looks: its line's colour, and the path with which a tile of 8 × 8 is hatched. */
export type FindingLook = Modality["findings"][number];

/** A kind that was found: its regions, largest first, and the share of the picture, 0 to 1, that they cover. */
export interface FoundKind extends FindingLook {
  share: number;
  regions: FoundRegion[];
}

const DOTS = "M2 2H3M6 6H7";
const SQUARE_MICROMETRES = 1e6;

/** How a kind is named and drawn in a modality; an unknown kind, of a later model, is named by its code. */
export function lookOf(kind: string, modality: Modality | undefined): FindingLook {
  const known = modality?.findings.find((look) => look.kind === kind);
  return known ?? { kind, title: kind.replaceAll("_", " "), colour: "#ffffff", hatch: DOTS };
}

/** The kinds that were found, in the order in which the model names them. */
export function foundKinds({ kinds, regions }: Findings, modality: Modality | undefined): FoundKind[] {
  return kinds
    .map((kind) => {
      const found = regions.filter(({ finding }) => finding === kind);
      return {
        ...lookOf(kind, modality),
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
