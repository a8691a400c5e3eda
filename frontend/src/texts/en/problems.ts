import { details } from "./details";

export const problems = {
  offline:
    "The server can't be reached. Check the network. Drawings and verdicts are kept, and sent when it is back. Try anything else again then.",
  signedOut: "You are signed out. Sign in again; nothing that you drew is lost.",
  anotherUser:
    "Somebody else has signed in in this browser, and is signed in here, too. Look whose account it is, and try again.",
  several: "Some entries can't be accepted:",
  // Fields of the API, as the page calls them.
  fields: {
    image: "File",
    modality: "Modality",
    ...details,
    label: "Label",
    verdict: "Verdict",
    comment: "Comment",
    prediction_seen: "Prediction",
    scans: "Scans",
  } as Readonly<Record<string, string>>,
  unexpected: (status: number) =>
    `The server answered in an unexpected way (${status}). Try again in a minute.`,
  noNumber: "Enter a number with a decimal point or comma, without thousands separators.",
  outOfRange: (least: number, most: number) => `Enter a number from ${least} to ${most}.`,
};
