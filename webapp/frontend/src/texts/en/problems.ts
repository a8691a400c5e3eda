export const problems = {
  offline:
    "The server can't be reached. Check the network; what you did here is kept and sent when it is back.",
  signedOut: "You are signed out. Sign in again; nothing that you drew is lost.",
  several: "Some of it can't be taken as it is:",
  // Fields of the API, as the page calls them.
  fields: {
    image: "File",
    patient_ref: "Patient reference",
    eye: "Eye",
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
};
