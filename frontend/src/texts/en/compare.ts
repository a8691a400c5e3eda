export const compare = {
  title: "Compare two scans",
  left: "Left scan",
  right: "Right scan",
  together: "Move and zoom together",
  heat: "Heat maps",
  empty: "Choose two scans with the same patient reference in the worklist, then press Compare.",
  noOthers: "There is no other scan with this patient reference.",
  open: "Open",
  otherEyes: "These scans show different eyes.",
  otherPatients: "These scans have different patient references.",
  keys: "Arrow keys move the picture; plus, minus and 0 zoom.",
  scan: (time: string, eye: string) => (eye ? `${time}, ${eye}` : time),
};
