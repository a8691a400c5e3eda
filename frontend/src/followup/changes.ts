/** What has changed between two scans of an eye. */

import type { DrawnOnScan, Scan } from "../api/types";
import { ranked } from "../common/answer";

export interface ProbabilityChange {
  label: string;
  left: number;
  right: number;
}

/** The probabilities that both answers have, the most probable on the right first; none where one has not answered. */
export function probabilityChanges(left: Scan, right: Scan): ProbabilityChange[] {
  if (left.state === "not_answered" || right.state === "not_answered") return [];
  return ranked(right.probabilities)
    .filter(([label]) => label in left.probabilities)
    .map(([label, probability]) => ({ label, left: left.probabilities[label]!, right: probability }));
}

/** What one reader drew with one label: as volume where both are volumes, else as area. */
export interface DrawnChange {
  key: string;
  label: string;
  reader: string;
  mine: boolean;
  unit: "cubic" | "square";
  /**
   * In mm³ or mm², 0 where the user drew nothing; null where it is not known. Of others it is not: what they drew may be
   * hidden from the user.
   */
  left: number | null;
  right: number | null;
}

type Drawn = DrawnOnScan["drawn"][number];

/** What was drawn on either, by reader and label. */
export function drawnChanges(left: DrawnOnScan, right: DrawnOnScan, areVolumes: boolean): DrawnChange[] {
  const byKey = ({ drawn }: DrawnOnScan) =>
    new Map(drawn.map((each) => [`${each.creator} ${each.label}`, each] as const));
  const [before, after] = [byKey(left), byKey(right)];
  const unit = areVolumes ? "cubic" : "square";
  return [...new Set([...after.keys(), ...before.keys()])].map((key) => {
    const { label, creator_name, mine } = (after.get(key) ?? before.get(key))!;
    const sizeOf = (each: Drawn | undefined) => (each ? sizeIn(unit, each) : mine ? 0 : null);
    return {
      key,
      label,
      reader: creator_name,
      mine,
      unit,
      left: sizeOf(before.get(key)),
      right: sizeOf(after.get(key)),
    };
  });
}

function sizeIn(unit: DrawnChange["unit"], { bscans, cubic_millimetres }: Drawn): number | null {
  if (unit === "cubic") return cubic_millimetres;
  // A scan by itself has one; areas on several B-scans of a volume are not one area.
  return bscans.length === 1 ? bscans[0]!.square_millimetres : null;
}
