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
  labels: (labels: readonly string[]) => labels.join(" or "),
  modelSays: (label: string, share: string) => `model: ${label} ${share}`,
  eyes: { OD: "Right (OD)", OS: "Left (OS)" },
  eyesShort: { OD: "OD", OS: "OS" },
  whose: {
    noPatient: "No patient reference",
    noEye: "Eye not given",
    noDay: "Day not given",
    acquired: (day: string) => `taken ${day}`,
    uploaded: (time: string) => `uploaded ${time}`,
  },
};
