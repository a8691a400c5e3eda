const either = new Intl.ListFormat("en-GB", { type: "disjunction" });

// Rounded up, so that a file just above a limit has another number than the limit.
const megabytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MB`;

export const upload = {
  open: "Upload",
  title: "Upload scans",
  dropHere: "Drop the scans here",
  kinds: (
    pictures: string[],
    volumes: string[],
    untried: string[],
    most: { picture: number; volume: number },
  ) => {
    const asVolumes =
      volumes.length > 0 ? `; volumes as ${either.format(volumes)}, up to ${megabytes(most.volume)}` : "";
    const notTried =
      untried.length > 0
        ? ` (${either.format(untried)}: not tried on a real file yet, so compare with the device)`
        : "";
    return `${either.format(pictures)}, up to ${megabytes(most.picture)} each${asVolumes}${notTried}. Names in the files are removed. Details that you leave empty are taken from DICOM files.`;
  },
  tooLarge: (bytes: number, most: number) =>
    `The file has ${megabytes(bytes)}; up to ${megabytes(most)} are taken. Nothing was sent.`,
  pick: "Drop scans here, paste them, or click to choose",
  patientHelp: "A code, not a name",
  modality: "Modality",
  modalityFound: "Found out from the file",
  modalityAsked: "Choose it",
  unclear: "It does not show what kind of scan this is. Nothing is stored yet: choose its modality.",
  other: (title: string) => `This seems to be of another modality: ${title}. Is it the right file?`,
  sendAgain: "Send again",
  acquired: "Taken on",
  unknown: "Not given",
  of: (field: string, file: string) => `${field} of ${file}`,
  inUnit: (field: string, sign: string) => `${field} in ${sign}`,
  check: "Whose scans are these? Nothing is sent before you press Upload.",
  begin: (count: number) => (count === 1 ? "Upload 1 file" : `Upload ${count} files`),
  sameForAll: "Same details for all",
  remove: (file: string) => `Don't upload ${file}`,
  correct: "Change the details",
  entered: "You entered",
  otherUpload: {
    title: "You have uploaded this file before",
    help: "The earlier scan was not changed. You have entered something else this time:",
    found: "Earlier scan",
    change: "Change it to what I entered",
    leave: "Leave it as it is",
  },
  otherFile: {
    title: "The file says something else",
    help: "What you entered counts. Is it the right file?",
    found: "The file says",
    change: "Take what the file says",
    leave: "Keep what I entered",
  },
  asked: {
    bscan_width: "B-scan width in pixels",
    bscan_height: "B-scan height in pixels",
    volume_number: "Number of the volume",
  },
  more: "Note and pixel size",
  less: "Hide note and pixel size",
  files: "Uploads",
  progress: (done: number, all: number, refused: number, asking: number) =>
    `${done} of ${all} done${refused > 0 ? `, ${refused} of them refused` : ""}${asking > 0 ? `; ${asking} to be answered` : ""}`,
  clear: "Clear the list",
  pasted: "pasted image",
  look: "Open scan",
  sentOf: (name: string) => `Progress of ${name}`,
  waiting: "Waiting for its turn",
  sending: (share: string) => `Sending, ${share}`,
  reading: "Sent; the model is reading it…",
  queued: "Stored. The model server can't be reached. The scan is read as soon as it is back.",
  duplicate: "You have uploaded this file before.",
  openedAgain: "You have uploaded this file before: this is the earlier scan.",
  hidden: "Read. The model's answer is hidden until you have given your verdict.",
  volume: (count: number) => `Volume of ${count} {pictures}`,
  read: (answer: string) => `Read: ${answer}`,
  finallyRead: (label: string) => `Read by people: ${label}`,
};
