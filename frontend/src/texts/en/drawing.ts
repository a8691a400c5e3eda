import type { Annotation, Modality } from "../../api/types";

interface Length {
  pixels: number;
  /** Null where the size of a pixel is not known. */
  micrometres: number | null;
  /** In which it is shown. */
  unit?: Modality["size_unit"] | undefined;
}

const kinds: Record<Annotation["shape"], string> = {
  box: "Box",
  ellipse: "Ellipse",
  polygon: "Polygon",
  freehand: "Freehand",
  point: "Point",
  caliper: "Caliper",
};

export const drawing = {
  kinds,
  tools: { select: "Select and change", hand: "Move the picture", ...kinds },
  toolbar: "Drawing tools",
  undo: "Undo",
  redo: "Redo",
  zoomIn: "Zoom in",
  zoomOut: "Zoom out",
  fit: "Show the whole scan",
  zoomOf: (zoom: number) => `${Math.round(zoom * 100)} %`,
  keys: "Keyboard shortcuts",
  canvas: "The scan. With a shape's tool, Enter shows a cross; arrow keys move it, Enter sets a corner.",
  heat: "Heat map",
  heatOpacity: "Opacity of the heat map",
  regions: "Regions",
  sideBySide: "Side by side",
  window: (level: number, width: number) => `Level ${Math.round(level)}, window ${Math.round(width)}`,
  windowTitle: "Brightness and contrast",
  windowLevel: "Level: the grey value in the middle",
  windowWidth: "Window: how many grey values are shown",
  resetWindow: "Reset (W)",
  softWindow: "Soft",
  windowHelp: (isDeep: boolean) =>
    `${isDeep ? "In the file's own values of 16 bits. " : ""}The model's answer stays as it is: it has seen the picture as in the file.`,
  shapes: "Shapes",
  noShapes: "You have drawn nothing yet. Choose a tool beside the scan.",
  noShapesButRegions:
    "You have drawn nothing yet. Choose a tool beside the scan, or copy a region of the model:",
  noShapesOfAnybody: "Nobody has drawn on this scan.",
  others: (count: number) => (count === 1 ? "1 shape by others:" : `${count} shapes by others:`),
  othersHidden: "Other readers' drawings are hidden until you have given your verdict.",
  shape: (index: number, kind: string) => `${index}. ${kind}`,
  label: "Label",
  noLabel: "No label",
  comment: "Comment",
  delete: (name: string) => `Delete ${name}`,
  copyRegion: (index: number) => `Copy region ${index}`,
  copyRegionHelp: "Makes the outline a shape of your own, which you can change.",
  loading: "Loading what was drawn…",
  notYet: "Nothing can be drawn yet: what was drawn before is not loaded.",
  notLoaded: "Not loaded, so nothing can be drawn",
  states: {
    loading: "Loading…",
    saved: "Saved",
    saving: "Saving…",
    unsaved: "Not saved yet; kept here",
    refused: "Not saved",
  },
  unsavedHelp: "It is kept in this browser and sent when the server can be reached.",
  unfinished: "You have not finished the shape",
  sendNow: "Send now",
  conflict: "A shape was changed here and elsewhere. Both are kept: compare them and delete one.",
  length: ({ pixels, micrometres, unit = "micrometres" }: Length) => {
    const inPixels = `${pixels.toFixed(1)} px`;
    if (micrometres === null) return inPixels;
    if (unit === "micrometres") return `${Math.round(micrometres)} µm (${inPixels})`;
    return `${(micrometres / 1000).toFixed(1)} mm (${inPixels})`;
  },
  squarePixels: (pixels: string) => `${pixels} px²`,
  measured: "How much was drawn",
  measuredColumns: {
    label: "Label",
    reader: "Reader",
    here: "Here",
    onBscan: "This {picture}",
    volume: "Volume",
  },
  you: "you",
  onBscans: (count: number, all: number) => `on ${count} of ${all} {pictures}`,
  volumeHelp: (missing: number) =>
    "The volume is the areas times the distance between {pictures}. One without a shape counts as empty" +
    (missing === 0
      ? "."
      : `, and so ${missing === 1 ? "does the one that is" : `do the ${missing} that are`} missing.`),
  noDistance: "There is no volume: the file does not say how far apart parallel {pictures} are.",
  noPixelSize: (sign: string) =>
    `There are no ${sign}: the size of a pixel is not known. It can be entered among the details.`,
  tooMuch: "Too many shapes were drawn to be measured at once.",
  // For screen readers.
  cursorAt: (x: number, y: number) => `Cross at ${x} across, ${y} down`,
  cornerAt: (x: number, y: number) => `Corner set at ${x} across, ${y} down`,
  wholeShape: "The whole shape",
  vertex: (index: number, count: number) => `Corner ${index} of ${count}`,
  deleted: "Shape deleted",
  added: (kind: string) => `${kind} added`,
  keysTitle: "Keyboard shortcuts",
  singleKeys: "Use single keys as shortcuts",
  singleKeysHelp: "Turn this off if speech input or stray keys trigger something.",
  keyGroups: {
    tools: "Tools",
    drawing: "Drawing",
    view: "View",
    volume: "Volume",
    reading: "Reading",
  },
  keyHelp: {
    undo: "Undo",
    redo: "Redo",
    remove: "Delete the shape or the chosen corner",
    cancel: "Cancel the shape that is being drawn; clear the selection",
    cross: "Draw by keyboard: show a cross, set a corner",
    nudge: "Move the cross, shape or corner by 1 pixel (Shift: 10)",
    corner: "Next corner of the selected shape",
    close: "Close a polygon: its first corner again, or double-click",
    back: "Remove the last corner",
    region: "Copy the strongest region",
    zoom: "Zoom in, zoom out, whole scan, 100 %",
    pan: "Move the picture",
    window: "Brightness and contrast",
    resetWindow: "Brightness and contrast as in the file",
    nextWindow: "Next preset of brightness and contrast",
    heat: "Heat map on and off",
    findings: "Findings on and off",
    leaf: "Previous and next {picture}",
    ends: "First and last {picture}",
    zoomInVolume: "Zoom",
    copyOn: "Copy the selected shape, or all, to the next {picture}",
    agree: "Choose Agree",
    disagree: "Choose Disagree and go to the right label (blind: to what you see)",
    unsure: "Choose Unsure",
    give: "Give the chosen verdict",
    giveInText: "Give it while typing",
    next: "Next scan that you have not read",
    before: "Back to the previous scan",
    help: "Show these shortcuts",
  },
  rightDrag: "Right button + move",
  wheel: "Wheel, pinch",
  space: "Space + move",
  arrows: "Arrow keys",
};
