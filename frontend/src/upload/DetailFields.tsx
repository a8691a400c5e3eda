import { Button, Collapse, Group, Select, Stack, Textarea, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";

import type { Eye } from "../api/types";
import { today } from "../common/format";
import { PixelFields } from "../common/PixelFields";
import { texts } from "../texts";
import { type Details, hasMore } from "./uploads";

interface Props {
  details: Details;
  onChange: (values: Partial<Details>) => void;
  /** Of which file, where there are several. */
  file?: string;
}

/** The fields for the details of a scan: patient, eye and day, and, unfolded, a note and the size of a pixel. */
export function DetailFields({ details, onChange, file }: Props) {
  const size = file === undefined ? "sm" : "xs";
  const label = (text: string) => (file === undefined ? {} : { "aria-label": texts.upload.of(text, file) });
  // Fields with content are in sight.
  const [more, { toggle }] = useDisclosure(hasMore(details));
  return (
    <>
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
          <Textarea
            size={size}
            label={texts.upload.note}
            {...label(texts.upload.note)}
            maxLength={2000}
            autosize
            minRows={2}
            value={details.note}
            onChange={(event) => onChange({ note: event.currentTarget.value })}
          />
          <PixelFields sizes={details} onChange={onChange} file={file} />
        </Stack>
      </Collapse>
    </>
  );
}
