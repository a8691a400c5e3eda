import { Select, type SelectProps } from "@mantine/core";

import type { Modality } from "../api/types";
import { texts } from "../texts";

interface Props extends Omit<SelectProps, "data" | "value" | "onChange"> {
  /** The name of the modality; empty where the server is to find it out. */
  value: string;
  choices: readonly Modality[];
  onChange: (name: string) => void;
}

/** The modality of a file, which the server finds out unless it is chosen. */
export function ModalitySelect({ value, choices, onChange, ...look }: Props) {
  return (
    <Select
      label={texts.upload.modality}
      placeholder={texts.upload.modalityFound}
      clearable
      {...look}
      data={choices.map(({ name, title }) => ({ value: name, label: title }))}
      value={value || null}
      onChange={(name) => onChange(name ?? "")}
    />
  );
}
