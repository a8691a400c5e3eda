import { Group, Select, TextInput } from "@mantine/core";

import type { Eye } from "../api/types";
import { today } from "../common/format";
import { texts } from "../texts";
import type { Details } from "./uploads";

interface Props {
  details: Details;
  onChange: (values: Partial<Details>) => void;
  /** Of which file, where there are several. */
  file?: string;
}

/** Whose scan it is: patient, eye and day. */
export function DetailFields({ details, onChange, file }: Props) {
  const size = file === undefined ? "sm" : "xs";
  const label = (text: string) => (file === undefined ? {} : { "aria-label": texts.upload.of(text, file) });
  return (
    <Group grow align="flex-start" gap="xs" preventGrowOverflow={false}>
      <TextInput
        size={size}
        miw={130}
        label={texts.upload.patient}
        {...label(texts.upload.patient)}
        description={file === undefined ? texts.upload.patientHelp : undefined}
        inputWrapperOrder={["label", "input", "description"]}
        maxLength={80}
        value={details.patient_ref}
        onChange={(event) => onChange({ patient_ref: event.currentTarget.value })}
      />
      <Select
        size={size}
        miw={100}
        label={texts.upload.eye}
        {...label(texts.upload.eye)}
        clearable
        placeholder={texts.upload.unknown}
        data={Object.entries(texts.common.eyes).map(([value, text]) => ({ value, label: text }))}
        value={details.eye || null}
        onChange={(value) => onChange({ eye: (value ?? "") as Eye })}
      />
      <TextInput
        size={size}
        miw={130}
        type="date"
        label={texts.upload.acquired}
        {...label(texts.upload.acquired)}
        max={today()}
        value={details.acquired}
        onChange={(event) => onChange({ acquired: event.currentTarget.value })}
      />
    </Group>
  );
}
