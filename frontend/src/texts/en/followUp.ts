export const followUp = {
  title: "Follow-up",
  open: "Follow-up",
  of: (patient: string, part: string) => `Follow-up of ${patient}, ${part}`,
  back: "Back to the scan",
  // A modality has pictures of an eye, or of a patient.
  line: {
    eye: "Scans and volumes of this eye over time",
    patient: "Scans of this kind of this patient over time",
  },
  volume: (count: number) => `Volume of ${count} {pictures}`,
  scan: "Scan",
  left: "On the left",
  right: "On the right",
  show: { left: "Show on the left", right: "Show on the right" },
  alone: {
    eye: "This is the only scan of this eye that you may see. There is nothing to compare it with.",
    patient:
      "This is the only scan of this kind of this patient that you may see. There is nothing to compare it with.",
  },
  missing: {
    both: "Without a patient reference and an eye, nothing else of the same eye can be found.",
    patient_ref: "Without a patient reference, nothing else of the same patient can be found.",
    eye: "Unless it is known which eye this is, nothing else of it can be found.",
  },
  enter: "Enter it among the details",
  more: (count: number) => `The ${count} newest uploads are shown; there are more.`,
  together: "Leaf and zoom together",
  heat: "Heat maps",
  byDistance:
    "{Pictures} are put beside each other by their distance from the middle of each volume. The pictures are not registered: look whether vessels match.",
  byShare:
    "The files do not say how far apart parallel {pictures} are, so {pictures} stand beside each other by their share of the way through the volume.",
  days: (days: number, isExact: boolean) => {
    if (days === 0 && isExact) return "on the same day";
    return `${isExact ? "" : "about "}${days === 1 ? "1 day" : `${days} days`} later`;
  },
  months: (months: number) => `${months} months later`,
  years: (years: number) => `${Number(years.toFixed(1))} years later`,
  change: "What has changed",
  answers: "What the model says",
  hidden:
    "The model's answers to both, and their heat maps, are shown once you have given your verdict on each: one would tell of the other.",
  waits: "The model has not answered both.",
  noAnswer: "The model has not answered one of the two: its numbers there are not compared.",
  otherModel: (left: string, right: string) =>
    `Different versions of the model have answered (${left} and ${right}): part of the change may be theirs.`,
  ofNamed: "Of the {pictures} that stand for the volumes.",
  columns: { label: "Label", earlier: "Left", later: "Right", change: "Change" },
  points: "Change, points",
  drawn: "What was drawn",
  drawnBy: (label: string, reader: string) => `${label}, ${reader}`,
  nothingDrawn: "On neither was anything drawn that you may see.",
  notComparable:
    "No change where an area or a volume is not known on both sides: it takes the size of a pixel and, for volumes, the distance of {pictures}; of other readers, a drawing on both that you may see.",
  bscan: "{Picture}",
  keys: "Page Up and Page Down, or the wheel, leaf; arrow keys move the picture; plus, minus and 0 zoom.",
};
