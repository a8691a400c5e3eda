/** Colours of lines on a scan, bright enough on its dark and, with their dark halo, on its bright parts. */

export const SELECTED_COLOUR = "#ffd43b";
export const REGION_COLOUR = "#ff922b";
export const OTHERS_COLOUR = "#da77f2";

const LABEL_COLOURS = [
  "#4dd4ac",
  "#74c0fc",
  "#ff8787",
  "#a9e34b",
  "#f783ac",
  "#91a7ff",
  "#66d9e8",
  "#ffc078",
];
const UNLABELLED_COLOUR = "#38d9a9";

/** The same colour for the same label on every scan. */
export function colourOf(label: string): string {
  if (!label) return UNLABELLED_COLOUR;
  let sum = 0;
  for (const character of label) sum = (sum * 31 + character.charCodeAt(0)) % 1_000_003;
  return LABEL_COLOURS[sum % LABEL_COLOURS.length]!;
}
