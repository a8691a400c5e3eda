export const findings = {
  title: "What the model thinks it sees",
  layer: "Findings",
  none: (kinds: string) => `None of what it looks for: ${kinds}.`,
  noMap: "This version of the model has no map of findings.",
  strange: "The model does not know pictures like this one, so what it sees may be something else.",
  contradict: "This contradicts the label that it would have named.",
  area: (share: string, area: string) => `${share} of the picture${area && `, ${area}`}`,
  place: (index: number, area: string, confidence: string) =>
    `Place ${index}: ${area}; ${confidence} confidence`,
  places: (count: number) => (count === 1 ? "in one place" : `in ${count} places`),
  help: "The network that gives the label finds this by itself; nobody has drawn it. It is hatched on the scan (S).",
};
