export const problems = {
  offline:
    "The server can't be reached. Check the network. Drawings and verdicts are kept and sent when it is back; try everything else again then.",
  signedOut: "You are signed out. Sign in again; nothing that you drew is lost.",
  several: "Some of it can't be taken as it is:",
  // Fields of the API, as the page calls them.
  fields: {
    image: "File",
    patient_ref: "Patient reference",
    eye: "Eye",
    acquired: "Taken",
    note: "Note",
    micrometres_x: "Pixel width",
    micrometres_y: "Pixel height",
    label: "Label",
    verdict: "Verdict",
    comment: "Comment",
    prediction_seen: "Prediction",
    scans: "Scans",
  } as Readonly<Record<string, string>>,
  unexpected: (status: number) =>
    `The server answered in an unexpected way (${status}). Try again in a minute.`,
  noNumber: "Write a number, with a point or a comma for the decimals and nothing between thousands.",
  outOfRange: (least: number, most: number) => `Write a number from ${least} to ${most}.`,
};
