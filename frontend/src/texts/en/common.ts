export const common = {
  research: "Research software: nothing it says is a diagnosis.",
  loading: "Loading…",
  tryAgain: "Try again",
  cancel: "Cancel",
  close: "Close",
  save: "Save",
  delete: "Delete",
  none: "–",
  // Empty for a picture that is not doubtful.
  doubtful: (reasons: readonly string[]) => (reasons.length > 0 ? `Doubtful: ${reasons.join(" ")}` : ""),
  states: { answered: "Answered", undecided: "Undecided", not_answered: "Not answered" },
  // Why an answer has its state, by the code of the model's rules; a later model server may give other codes.
  because: {
    unfamiliar: () =>
      "This picture does not look like the scans that the model learnt from: another device or framing, or a disease that it does not know. A clinician has to read it.",
    no_label: () => "None of the model's labels fits this picture. A clinician has to read it.",
    too_many: () => "Too many labels are possible to name one. A clinician has to read it.",
    one_group: (labels: string) => `The model can't tell these apart here: ${labels}.`,
    several: (labels: string) => `More than one label is possible: ${labels}.`,
    findings_contradict: (labels: string) =>
      `What the model sees on this picture does not go with ${labels}: look at its findings.`,
    one_label: () => "One label fits this picture.",
    no_statistics: () => "Whether the model knows pictures like this one can't be said.",
  } as Readonly<Record<string, (labels: string) => string>>,
  becauseOfRule: (code: string) => `A rule of the model's card: ${code}.`,
  hasToRead: "A clinician has to read it.",
  labels: (labels: readonly string[]) => labels.join(" or "),
  orElse: (labels: string) => `${labels} or something else`,
  withShare: (label: string, share: string) => `${label} ${share}`,
  ofModel: (answer: string) => `model: ${answer}`,
  undecided: (answer: string) => `undecided, ${answer}`,
  notAnswered: "not answered",
  eyes: { OD: "Right (OD)", OS: "Left (OS)" },
  eyesShort: { OD: "OD", OS: "OS" },
  identity: {
    noPatient: "No patient reference",
    noEye: "Eye not given",
    noDay: "Day not given",
    acquired: (day: string) => `taken ${day}`,
    uploaded: (time: string) => `uploaded ${time}`,
  },
};
