/** Files to be uploaded: their details, their state, and what can be done with them. */

import type { MostBytes } from "../api/options";
import { Problem } from "../api/problem";
import type { Difference, Eye, Modality, ScanChange, UploadedScan } from "../api/types";
import { TEXT_DETAILS, type TextDetails } from "../common/details";
import type { Fields } from "../common/modality";
import { texts } from "../texts";
import { PIXEL_SIZES, PIXEL_UM, type PixelTexts, withPoint } from "../common/number";

/** What the server asks for where a file of a volume doesn't say it: whole numbers from 1. */
export const ASKED = ["bscan_width", "bscan_height", "volume_number"] as const;
type AskedTexts = Record<(typeof ASKED)[number], string>;
/** The server's code of its question, whose sentence names what it asks for. */
const DETAILS_NEEDED = "details_needed";

/** The server's codes where it can't tell the modality, or says that it is another: the reader is asked for it. */
const MODALITY_UNCLEAR = "modality_unclear";
const OTHER_MODALITY = "other_modality";
const MODALITY_REFUSED = "modality_refused";

/** The details of a scan as they are typed; a pixel's size in micrometres, whatever it is typed in. */
export interface Details extends PixelTexts, TextDetails, AskedTexts {
  /** The name of its modality; empty where the server is to find it out. */
  modality: string;
  /** What scans of that modality have beside the details of every scan. */
  fields: Fields;
  patient_ref: string;
  eye: Eye;
  /** The day on which it was taken: 2024-03-17. */
  acquired: string;
}

export const NO_DETAILS: Details = {
  modality: "",
  fields: {},
  patient_ref: "",
  eye: "",
  acquired: "",
  ...(Object.fromEntries(TEXT_DETAILS.map((name) => [name, ""])) as TextDetails),
  micrometres_x: "",
  micrometres_y: "",
  bscan_width: "",
  bscan_height: "",
  volume_number: "",
};

const sizes: readonly string[] = PIXEL_SIZES;
/** The name of a picture from the clipboard. */
const UNNAMED = "scan.png";

/** So many uploads are sent at the same time. */
const AT_ONCE = 2;

export interface Upload {
  key: number;
  file: File;
  details: Details;
  /** Share that was sent, 0 to 1. */
  sent: number;
  /** `open`: the user has to check its details before it is sent. */
  state: "open" | "waiting" | "sending" | "done" | "refused";
  scan?: UploadedScan;
  problem?: Problem;
  /** Whether the user has decided which of two values counts. */
  decided?: boolean;
}

export function isEmpty(details: Details): boolean {
  return entriesOf(details).every(([, value]) => value.trim() === "");
}

/** Whether there are details other than patient, eye and day. */
export function hasMore(details: Details): boolean {
  return [...TEXT_DETAILS, ...PIXEL_SIZES].some((name) => details[name].trim() !== "");
}

/**
 * Refuses a file that the server would not take. To ask it is of no use: it stops reading, and a browser that is cut off
 * while it sends shows no answer. Raises a Problem.
 */
export function refuseTooLarge(file: File, most: MostBytes | undefined): void {
  const limit = most && Math.max(most.picture, most.volume);
  if (limit !== undefined && file.size > limit)
    throw new Problem(texts.upload.tooLarge(file.size, limit), "too_large", 413);
}

/** A file with its details as the API takes them: without those that are empty, numbers with a decimal point. */
export function formOf(file: File, details: Details): FormData {
  const form = new FormData();
  form.append("image", file, file.name || UNNAMED);
  for (const [name, value] of entriesOf(details)) {
    const text = (sizes.includes(name) ? withPoint(value, PIXEL_UM) : value).trim();
    if (text) form.append(name, text);
  }
  return form;
}

/** The details by the names of the form's fields; those of the modality as `fields.view`. */
function entriesOf({ fields, ...details }: Details): [string, string][] {
  const own = Object.entries(fields).map(([name, value]): [string, string] => [`fields.${name}`, value]);
  return [...(Object.entries(details) as [string, string][]), ...own];
}

/** Where the entered details differ from the known ones, until the user has decided which count. */
export function undecided(upload: Upload): Difference[] {
  return upload.decided ? [] : (upload.scan?.differences ?? []);
}

/** The uploads, of which those that waited are sent as long as there is room: a few at a time. */
export function admitted(uploads: Upload[]): Upload[] {
  let room = AT_ONCE - uploads.filter(({ state }) => state === "sending").length;
  return uploads.map((upload) => {
    if (upload.state !== "waiting" || room <= 0) return upload;
    room -= 1;
    return { ...upload, state: "sending", sent: 0 };
  });
}

/** The uploads, of which those that waited have to be checked before they are sent. */
export function heldBack(uploads: Upload[]): Upload[] {
  return uploads.map((upload) => (upload.state === "waiting" ? { ...upload, state: "open" } : upload));
}

/**
 * The uploads after one was not taken. Without a session none of those that wait would be: all go back to where a press
 * sends them, with their details, once somebody has signed in.
 */
export function afterRefusal(uploads: readonly Upload[], key: number, problem: Problem): Upload[] {
  const isSignedOut = problem.status === 401;
  return uploads.map((upload) => {
    if (isSignedOut && (upload.key === key || upload.state === "waiting"))
      return { ...upload, state: "open" };
    return upload.key === key ? { ...upload, state: "refused", problem } : upload;
  });
}

/** Whether there is nothing left to do with it. */
export function isOver(upload: Upload): boolean {
  return upload.state === "done" && undecided(upload).length === 0;
}

/**
 * Whether the page goes to the answer of one that is done: it is still the only one, nobody describes a further file, and
 * nobody has left the page from which it was sent. `sentFrom` is the path of that page; null if it was not sent alone.
 */
export function opensItsAnswer(
  uploads: readonly Upload[],
  details: Details,
  sentFrom: string | null,
  path: string,
): boolean {
  return uploads.length === 1 && isEmpty(details) && sentFrom === path;
}

/** Whether the server asks of which modality the file is. */
export function asksModality({ state, problem }: Upload): boolean {
  return (
    state === "refused" && [MODALITY_UNCLEAR, OTHER_MODALITY, MODALITY_REFUSED].includes(problem?.code ?? "")
  );
}

/** Whether it waits for somebody to choose its modality; one that this account can't send has nothing to choose from. */
export function isAsking(upload: Upload): boolean {
  return asksModality(upload) && (upload.problem?.fields["modality"] ?? []).length > 0;
}

/** Whether the panel asks something, which stands in sight then without the fields for further files above it. */
export function hidesFields(uploads: readonly Upload[]): boolean {
  return uploads.some(
    (upload) => upload.state === "open" || isAsking(upload) || undecided(upload).length > 0,
  );
}

/**
 * How so many new files begin, which were given these details. A single one goes at once if these are empty, or if
 * their fields are in sight: `isPanelOpen`, and it asks nothing.
 */
export function firstState(
  count: number,
  given: Details,
  isPanelOpen: boolean,
  uploads: readonly Upload[],
): "open" | "waiting" {
  const inSight = isPanelOpen && !hidesFields(uploads);
  return count === 1 && (inSight || isEmpty(given)) ? "waiting" : "open";
}

/** The uploads as they are listed: those first that ask, so that nobody overlooks them among many. */
export function inOrder(uploads: readonly Upload[]): Upload[] {
  return [...uploads].sort((one, other) => Number(isAsking(other)) - Number(isAsking(one)));
}

/** The modalities as one of which a file that the server asks about can be sent, which it names. */
export function choicesOf({ problem }: Upload, modalities: readonly Modality[]): Modality[] {
  return modalities.filter(({ name }) => problem?.fields["modality"]?.includes(name));
}

/** What the server asks about the modality of a file, or says against it. */
export function askedInWords(upload: Upload, modalities: readonly Modality[]): string {
  const [only, ...others] = choicesOf(upload, modalities);
  if (upload.problem?.code === MODALITY_UNCLEAR) return texts.upload.unclear;
  const isOther = upload.problem?.code === OTHER_MODALITY;
  return isOther && only && others.length === 0
    ? texts.upload.other(only.title)
    : (upload.problem?.message ?? "");
}

/** What goes with a choice of modality: what only the one before had is taken away. */
export function ofModality(name: string, modalities: readonly Modality[]): Partial<Details> {
  const chosen = modalities.find((modality) => modality.name === name);
  return { modality: name, fields: {}, ...(chosen?.eye === false && { eye: "" as Eye }) };
}

/** Whether it was refused for something that was entered with it, or wasn't, rather than for the file. */
export function canBeCorrected(upload: Upload): boolean {
  if (asked(upload).length > 0) return true;
  return Object.keys(upload.problem?.fields ?? {}).some((field) => field in NO_DETAILS);
}

/** What the server asks for to read the file, and what was answered before. */
export function asked({ problem, details }: Upload): (typeof ASKED)[number][] {
  const named = (name: string) => problem?.code === DETAILS_NEEDED && problem.message.includes(`\`${name}\``);
  return ASKED.filter((name) => named(name) || details[name] !== "");
}

/** The change that gives the scan the values that it does not have yet. */
export function correction(scan: UploadedScan, differences: Difference[]): ScanChange {
  const wanted = differences.map(({ field, entered, found, found_in }) => [
    field,
    found_in === "file" ? found : entered,
  ]);
  const values: Record<string, string | number> = Object.fromEntries(wanted);
  if (PIXEL_SIZES.some((name) => name in values)) {
    // A pixel has a width and a height: the one that agrees goes along.
    for (const name of PIXEL_SIZES) values[name] = Number(values[name] ?? scan[name]);
  }
  return values;
}
