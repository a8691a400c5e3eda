import { Button, Group, Select, Stack, Table, Text, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";

import { useModality } from "../api/options";
import { useChangeScan } from "../api/scans";
import type { Eye, Scan } from "../api/types";
import { TEXT_DETAILS } from "../common/details";
import { FieldSelects } from "../common/FieldSelects";
import { formatDay, formatTime } from "../common/format";
import { fieldsInWords, tellsEye } from "../common/modality";
import { PIXEL_SIZES, readNumber } from "../common/number";
import { PixelFields } from "../common/PixelFields";
import { ProblemAlert } from "../common/ProblemAlert";
import { TextFields } from "../common/TextFields";
import { formatLength, sizeSign } from "../common/units";
import { succeeds, useUnsaved } from "../common/unsaved";
import { useUnits } from "../common/useUnits";
import { texts } from "../texts";
import {
  type Changes,
  changesOf,
  type Entries,
  entriesOf,
  isEmpty,
  requestFor,
  withChanges,
} from "./detailsRequest";
import { ModelVersion } from "./ModelVersion";
import { Section } from "./Section";

const { fields } = texts.reading;

/** The details of a scan. Those who may change the scan can correct them. */
export function Details({ scan }: { scan: Scan }) {
  const [editing, setEditing] = useState(false);
  const modality = useModality(scan.modality);
  const units = useUnits(scan.modality);
  const rows: [string, ReactNode][] = [
    [texts.details.acquired, formatDay(scan.acquired) || texts.common.none],
    scan.received_from
      ? [
          fields.received,
          texts.reading.received(scan.received_from, formatTime(scan.received_at ?? scan.timestamp)),
        ]
      : [fields.uploaded, formatTime(scan.timestamp) || texts.common.none],
    [fields.modality, modality?.title ?? scan.modality],
    ...told(tellsEye(modality, scan.eye), texts.details.eye, scan.eye && texts.common.eyes[scan.eye]),
    ...fieldsInWords(modality, scan.fields).flatMap(([title, value]) => told(true, title, value)),
    [texts.details.patient_ref, scan.patient_ref || texts.common.none],
    [fields.device, scan.device || texts.common.none],
    ...TEXT_DETAILS.map((name): [string, string] => [texts.details[name], scan[name] || texts.common.none]),
    [fields.size, texts.reading.pixels(scan.width, scan.height)],
    [
      fields.scale,
      scan.micrometres_x !== null && scan.micrometres_y !== null
        ? texts.reading.pixelSize(
            formatLength(scan.micrometres_x, units),
            formatLength(scan.micrometres_y, units),
            sizeSign(units),
          )
        : texts.common.none,
    ],
    [fields.sha256, scan.sha256 || texts.common.none],
  ];
  if (scan.model) rows.push([fields.weights, <ModelVersion key="model" model={scan.model} />]);
  return (
    <Section title={texts.reading.details} testid="details">
      {editing ? (
        <DetailsForm scan={scan} onClose={() => setEditing(false)} />
      ) : (
        <>
          <Table
            variant="vertical"
            layout="fixed"
            withRowBorders={false}
            verticalSpacing={3}
            horizontalSpacing={4}
          >
            <Table.Tbody>
              {rows.map(([name, value]) => (
                <Table.Tr key={name}>
                  <Table.Th w={130} bg="transparent" fw={400} c="dimmed">
                    {name}
                  </Table.Th>
                  <Table.Td style={{ overflowWrap: "anywhere" }}>{value}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
          {scan.may_change && (
            <Button size="compact-sm" variant="default" mt="xs" onClick={() => setEditing(true)}>
              {texts.reading.edit}
            </Button>
          )}
        </>
      )}
    </Section>
  );
}

/** A row of the details, where it is told at all. */
function told(is: boolean, title: string, value: string): [string, string][] {
  return is ? [[title, value || texts.common.none]] : [];
}

function DetailsForm({ scan, onClose }: { scan: Scan; onClose: () => void }) {
  const modality = useModality(scan.modality);
  const units = useUnits(scan.modality);
  // What is typed lies over the scan as it is by now: somebody may correct it while the form is open.
  const [changes, setChanges] = useState<Changes>({});
  const before = entriesOf(scan);
  const values = withChanges(before, changes);
  const set = (entered: Partial<Entries>) => setChanges(changesOf(before, { ...values, ...entered }));
  const sizes = PIXEL_SIZES.map((name) =>
    readNumber(values.sizes[name], { min: units.least_pixel, max: units.most_pixel }),
  );
  const isComplete = sizes.every((size) => !("problem" in size));
  const change = useChangeScan(scan.id);
  const save = async () => {
    const [micrometres_x = null, micrometres_y = null] = sizes.map((size) =>
      "value" in size ? size.value : null,
    );
    await change.mutateAsync(requestFor(changes, { micrometres_x, micrometres_y }));
    onClose();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    // The form shows why it did not work.
    if (isComplete) void succeeds(save());
  };
  useUnsaved(() => {
    if (isEmpty(changes)) return null;
    return {
      title: texts.reading.detailsNotSaved,
      saveLabel: texts.reading.saveAndGoOn,
      save: isComplete ? () => succeeds(save()) : null,
      drop: onClose,
    };
  });
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <TextInput
          label={texts.details.patient_ref}
          maxLength={80}
          value={values.patient_ref}
          onChange={(event) => set({ patient_ref: event.currentTarget.value })}
        />
        {tellsEye(modality, scan.eye) && (
          <Select
            label={texts.details.eye}
            clearable
            placeholder={texts.upload.unknown}
            data={Object.entries(texts.common.eyes).map(([value, label]) => ({ value, label }))}
            value={values.eye || null}
            onChange={(eye) => set({ eye: (eye ?? "") as Eye })}
          />
        )}
        <FieldSelects
          modality={modality}
          values={values.fields}
          onChange={(changed) => set({ fields: changed })}
        />
        <TextInput
          label={texts.details.acquired}
          description={texts.reading.acquiredHelp}
          maxLength={10}
          value={values.acquired}
          onChange={(event) => set({ acquired: event.currentTarget.value })}
        />
        <TextFields values={values} onChange={set} />
        <PixelFields
          sizes={values.sizes}
          onChange={(typed) => set({ sizes: { ...values.sizes, ...typed } })}
          units={units}
        />
        {change.error && <ProblemAlert error={change.error} />}
        <Group gap="xs">
          <Button type="submit" loading={change.isPending}>
            {texts.reading.saveDetails}
          </Button>
          <Button variant="default" onClick={onClose}>
            {texts.common.cancel}
          </Button>
        </Group>
        <Text size="xs" c="dimmed">
          {texts.upload.patientHelp}
        </Text>
      </Stack>
    </form>
  );
}
