import { Select } from "@mantine/core";

import type { Modality } from "../api/types";
import { texts } from "../texts";
import type { Fields } from "./modality";

interface Props {
  modality: Modality | undefined;
  values: Fields;
  onChange: (changed: Fields) => void;
  /** Of which file, where there are several. */
  file?: string | undefined;
}

/** An input for each field that scans of a modality have beside the details of every scan. */
export function FieldSelects({ modality, values, onChange, file }: Props) {
  return modality?.fields.map(({ name, title, choices }) => (
    <Select
      key={name}
      size={file === undefined ? "sm" : "xs"}
      miw={100}
      label={title}
      {...(file !== undefined && { "aria-label": texts.upload.of(title, file) })}
      clearable
      placeholder={texts.upload.unknown}
      data={choices.map(({ value, title: label }) => ({ value, label }))}
      value={values[name] ?? null}
      onChange={(value) => onChange(withValue(values, name, value))}
    />
  ));
}

/** The values with one of them changed, or without it. */
function withValue(values: Fields, name: string, value: string | null): Fields {
  const others = Object.entries(values).filter(([other]) => other !== name);
  return Object.fromEntries(value === null ? others : [...others, [name, value]]);
}
