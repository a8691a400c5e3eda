import { Button, Group, Select, Stack, Table, Text, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { json } from "../api/client";
import type { Eye, Scan } from "../api/types";
import { formatDay, formatLength, formatTime } from "../common/format";
import { PIXEL_SIZES, PIXEL_UM, readNumber } from "../common/number";
import { PixelFields } from "../common/PixelFields";
import { ProblemAlert } from "../common/ProblemAlert";
import { succeeds, useUnsaved } from "../common/unsaved";
import { texts } from "../texts";
import { Section } from "./Section";

const { fields } = texts.reading;

/** What is known of the scan besides its picture; to be corrected by who may. */
export function Details({ scan }: { scan: Scan }) {
  const [editing, setEditing] = useState(false);
  const rows: [string, string][] = [
    [fields.acquired, formatDay(scan.acquired) || texts.common.none],
    [fields.uploaded, formatTime(scan.timestamp) || texts.common.none],
    [fields.eye, scan.eye ? texts.common.eyes[scan.eye] : texts.common.none],
    [fields.patient, scan.patient_ref || texts.common.none],
    [fields.device, scan.device || texts.common.none],
    [fields.note, scan.note || texts.common.none],
    [fields.size, texts.reading.pixels(scan.width, scan.height)],
    [
      fields.scale,
      scan.micrometres_x !== null && scan.micrometres_y !== null
        ? texts.reading.micrometres(formatLength(scan.micrometres_x), formatLength(scan.micrometres_y))
        : texts.common.none,
    ],
    [fields.sha256, scan.sha256 || texts.common.none],
  ];
  if (scan.model) rows.push([fields.weights, texts.reading.model(scan.model.name, scan.model.version)]);
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

/** Without what computing adds behind the digits that a file gives. */
function measured(micrometres: number | null): string {
  return micrometres === null ? "" : String(Number(micrometres.toPrecision(9)));
}

function DetailsForm({ scan, onClose }: { scan: Scan; onClose: () => void }) {
  const queries = useQueryClient();
  const [before] = useState({
    patient_ref: scan.patient_ref,
    eye: scan.eye,
    acquired: scan.acquired,
    note: scan.note,
    micrometres_x: measured(scan.micrometres_x),
    micrometres_y: measured(scan.micrometres_y),
  });
  const [values, setValues] = useState(before);
  const set = (changed: Partial<typeof values>) => setValues({ ...values, ...changed });
  const sizes = PIXEL_SIZES.map((name) => readNumber(values[name], PIXEL_UM));
  const isComplete = sizes.every((said) => !("problem" in said));
  const save = useMutation({
    mutationFn: () => {
      const [micrometres_x, micrometres_y] = sizes.map((said) => ("value" in said ? said.value : null));
      return json<Scan>(`scans/${scan.id}/`, {
        method: "PATCH",
        body: { ...values, micrometres_x, micrometres_y },
      });
    },
    onSuccess: (changed) => {
      queries.setQueryData(["scan", scan.id], changed);
      void queries.invalidateQueries({ queryKey: ["scans"] });
      onClose();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isComplete) save.mutate();
  };
  useUnsaved(() => {
    if (JSON.stringify(values) === JSON.stringify(before)) return null;
    const saves = () => succeeds(save.mutateAsync());
    return {
      title: texts.reading.detailsNotSaved,
      saveLabel: texts.reading.saveAndGoOn,
      save: isComplete ? saves : null,
      drop: onClose,
    };
  });
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <TextInput
          label={fields.patient}
          maxLength={80}
          value={values.patient_ref}
          onChange={(event) => set({ patient_ref: event.currentTarget.value })}
        />
        <Select
          label={fields.eye}
          clearable
          placeholder={texts.upload.unknown}
          data={Object.entries(texts.common.eyes).map(([value, label]) => ({ value, label }))}
          value={values.eye || null}
          onChange={(eye) => set({ eye: (eye ?? "") as Eye })}
        />
        <TextInput
          label={fields.acquired}
          description={texts.reading.acquiredHelp}
          maxLength={10}
          value={values.acquired}
          onChange={(event) => set({ acquired: event.currentTarget.value })}
        />
        <Textarea
          label={fields.note}
          autosize
          maxLength={2000}
          value={values.note}
          onChange={(event) => set({ note: event.currentTarget.value })}
        />
        <PixelFields sizes={values} onChange={set} />
        {save.error && <ProblemAlert error={save.error} />}
        <Group gap="xs">
          <Button type="submit" loading={save.isPending}>
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
