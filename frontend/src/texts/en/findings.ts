export const findings = {
  title: "What the model thinks it sees",
  layer: "Findings",
  none: (kinds: string) => `Nothing of what it looks for: ${kinds}.`,
  noMap: "This version of the model has no map of findings.",
  strange: "The model does not know pictures like this one, so what it sees may be something else.",
  contradict: "This does not go with the label that it would have named.",
  area: (share: string, squareMillimetres: string) =>
    squareMillimetres ? `${share} of the picture, ${squareMillimetres} mm²` : `${share} of the picture`,
  place: (index: number, area: string, sure: string) => `Place ${index}: ${area}; ${sure} sure`,
  places: (count: number) => (count === 1 ? "in one place" : `in ${count} places`),
  help: "Found by the same network as the label, on its own; nobody has drawn it. On the scan it is hatched (S).",
};
