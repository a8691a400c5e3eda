import {
  Button,
  Collapse,
  Drawer,
  Group,
  NumberInput,
  Select,
  Stack,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { Dropzone } from "@mantine/dropzone";
import { useDisclosure } from "@mantine/hooks";
import { IconPhotoPlus } from "@tabler/icons-react";

import type { Eye } from "../api/types";
import { texts } from "../texts";
import type { Details } from "./send";
import { UploadLine } from "./UploadLine";
import { useUploads } from "./UploadProvider";

interface Props {
  opened: boolean;
  onClose: () => void;
  details: Details;
  onDetails: (details: Details) => void;
}

/** Where files are picked, described and followed on their way. */
export function UploadPanel({ opened, onClose, details, onDetails }: Props) {
  const { uploads, add, clear } = useUploads();
  const [more, { toggle }] = useDisclosure();
  const set = (values: Partial<Details>) => onDetails({ ...details, ...values });
  const done = uploads.filter((upload) => upload.state === "done" || upload.state === "refused").length;
  return (
    <Drawer
      opened={opened}
      onClose={onClose}
      position="right"
      size="md"
      title={texts.upload.title}
      keepMounted={false}
    >
      <Stack>
        <Group grow align="flex-start">
          <TextInput
            label={texts.upload.patient}
            description={texts.upload.patientHelp}
            maxLength={80}
            value={details.patient_ref}
            onChange={(event) => set({ patient_ref: event.currentTarget.value })}
          />
          <Select
            label={texts.upload.eye}
            description={texts.upload.eyeHelp}
            clearable
            placeholder={texts.upload.unknown}
            data={Object.entries(texts.common.eyes).map(([value, label]) => ({ value, label }))}
            value={details.eye || null}
            onChange={(value) => set({ eye: (value ?? "") as Eye })}
          />
        </Group>
        <Button variant="subtle" size="compact-sm" w="fit-content" onClick={toggle} aria-expanded={more}>
          {more ? texts.upload.less : texts.upload.more}
        </Button>
        <Collapse expanded={more}>
          <Stack gap="sm">
            <Textarea
              label={texts.upload.note}
              maxLength={2000}
              autosize
              minRows={2}
              value={details.note}
              onChange={(event) => set({ note: event.currentTarget.value })}
            />
            <Group grow align="flex-start">
              {(["micrometres_x", "micrometres_y"] as const).map((name) => (
                <NumberInput
                  key={name}
                  label={texts.upload.pixel[name]}
                  min={0.1}
                  max={1000}
                  hideControls
                  value={details[name]}
                  onChange={(value) => set({ [name]: String(value) })}
                />
              ))}
            </Group>
          </Stack>
        </Collapse>
        <Dropzone
          onDrop={(files) => add(files, details)}

          inputProps={{ "aria-label": texts.upload.pick }}
        >
          <Stack align="center" gap={4} py="lg">
            <IconPhotoPlus size={36} aria-hidden />
            <Text fw={600} ta="center">
              {texts.upload.pick}
            </Text>
            <Text size="sm" c="dimmed" ta="center">
              {texts.upload.kinds}
            </Text>
          </Stack>
        </Dropzone>
        {uploads.length > 0 && (
          <>
            <Group justify="space-between">
              <Text fw={600} aria-live="polite">
                {texts.upload.progress(done, uploads.length)}
              </Text>
              <Button size="compact-sm" variant="subtle" onClick={clear} disabled={done === 0}>
                {texts.upload.clear}
              </Button>
            </Group>
            <Stack component="ul" gap="xs" m={0} p={0} aria-label={texts.upload.files}>
              {uploads.map((upload) => (
                <UploadLine key={upload.key} upload={upload} onFollow={onClose} />
              ))}
            </Stack>
          </>
        )}
      </Stack>
    </Drawer>
  );
}
