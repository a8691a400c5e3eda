/** Two modalities as the API describes them. */

import type { Modality } from "../api/types";

export const OCT: Modality = {
  name: "oct",
  title: "Retinal OCT",
  picture: "B-scan",
  volumes: true,
  eye: true,
  labels: [
    { name: "AMD", title: "age-related macular degeneration" },
    { name: "NORMAL", title: "no disease that the model knows" },
  ],
  groups: [],
  fields: [],
  windows: [{ title: "Bright parts", low: 0.451, high: 1 }],
  findings: [
    { kind: "fluid_within", title: "fluid within the retina", colour: "#22d3ee", hatch: "M0 8L8 0" },
    { kind: "hole", title: "hole", colour: "#c4b5fd", hatch: "M0 0L8 8M0 8L8 0" },
  ],
  size_unit: "micrometres",
  area_unit: "square millimetres",
  least_pixel: 0.1,
  most_pixel: 1000,
  notes: [],
  words: {},
  formats: [],
  model: "retina-oct",
  urgencies: [],
};

export const CHEST: Modality = {
  name: "chest-xray",
  title: "Chest X-ray",
  picture: "X-ray",
  volumes: false,
  eye: false,
  labels: [
    { name: "NORMAL", title: "no sign of pneumonia" },
    { name: "PNEUMONIA", title: "pneumonia" },
  ],
  groups: [],
  fields: [
    {
      name: "view",
      title: "View",
      choices: [
        { value: "PA", title: "PA (from behind)" },
        { value: "AP", title: "AP (from the front)" },
      ],
    },
    { name: "age_group", title: "Age group", choices: [{ value: "child", title: "Child" }] },
  ],
  windows: [],
  findings: [],
  size_unit: "millimetres",
  area_unit: "square centimetres",
  least_pixel: 10,
  most_pixel: 5000,
  notes: ["A demonstration: not for use with patients."],
  words: {},
  formats: [],
  model: "chest-xray",
  urgencies: [],
};
