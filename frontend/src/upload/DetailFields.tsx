import { Button, Collapse, Group, Select, Stack, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";

import { useModalities } from "../api/options";
import type { Eye } from "../api/types";
import { FieldSelects } from "../common/FieldSelects";
import { today } from "../common/format";
import { tellsEye } from "../common/modality";
import { PixelFields } from "../common/PixelFields";
import { TextFields } from "../common/TextFields";
import { UNKNOWN_UNITS } from "../common/units";
import { texts } from "../texts";
import { ModalitySelect } from "./ModalitySelect";
import { type Details, hasMore, ofModality } from "./uploads";

interface Props {
  details: Details;
  onChange: (values: Partial<Details>) => void;
  /** Of which file, where there are several. */
  file?: string;
}

/**
 * The fields for the details of a scan: its modality where there are several, patient, eye and day, what scans of that
 * modality have, and, unfolded, a note and the size of a pixel.
 */
export function DetailFields({ details, onChange, file }: Props) {
  const modalities = useModalities();
  const modality = modalities.find(({ name }) => name === details.modality || modalities.length === 1);
  const size = file === undefined ? "sm" : "xs";
  const label = (text: string) => (file === undefined ? {} : { "aria-label": texts.upload.of(text, file) });
  // Fields with content are in sight.
  const [more, { toggle }] = useDisclosure(hasMore(details));
  return (
    <>
      <Group grow align="flex-start" gap="xs" preventGrowOverflow={false}>
        {modalities.length > 1 && (
          <ModalitySelect
            size={size}
            miw={130}
            {...label(texts.upload.modality)}
            choices={modalities}
            value={details.modality}
            onChange={(name) => onChange(ofModality(name, modalities))}
          />
        )}
        <TextInput
          size={size}
          miw={130}
          label={texts.details.patient_ref}
          {...label(texts.details.patient_ref)}
          description={file === undefined ? texts.upload.patientHelp : undefined}
          inputWrapperOrder={["label", "input", "description"]}
          maxLength={80}
          value={details.patient_ref}
          onChange={(event) => onChange({ patient_ref: event.currentTarget.value })}
        />
        {tellsEye(modality, details.eye) && (
          <Select
            size={size}
            miw={100}
            label={texts.details.eye}
            {...label(texts.details.eye)}
            clearable
            placeholder={texts.upload.unknown}
            data={Object.entries(texts.common.eyes).map(([value, text]) => ({ value, label: text }))}
            value={details.eye || null}
            onChange={(value) => onChange({ eye: (value ?? "") as Eye })}
          />
        )}
        <FieldSelects
          modality={modality}
          values={details.fields}
          onChange={(fields) => onChange({ fields })}
          file={file}
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
      <Button
        variant="subtle"
        size="compact-sm"
        w="fit-content"
        onClick={toggle}
        aria-expanded={more}
        {...label(more ? texts.upload.less : texts.upload.more)}
      >
        {more ? texts.upload.less : texts.upload.more}
      </Button>
      <Collapse expanded={more}>
        <Stack gap="sm">
          <TextFields values={details} onChange={onChange} minRows={2} file={file} />
          <PixelFields sizes={details} onChange={onChange} units={modality ?? UNKNOWN_UNITS} file={file} />
        </Stack>
      </Collapse>
    </>
  );
}
