import { Button, Drawer, Group, Stack, Text } from "@mantine/core";
import { Dropzone } from "@mantine/dropzone";
import { IconPhotoPlus } from "@tabler/icons-react";

import { useModalities, useMostBytes } from "../api/options";
import { texts } from "../texts";
import { DetailFields } from "./DetailFields";
import { kindsOf } from "./kinds";
import { UploadLine } from "./UploadLine";
import { useUploads } from "./useUploads";
import { type Details, hidesFields, inOrder, isAsking, isOver, type Upload } from "./uploads";

interface Props {
  opened: boolean;
  onClose: () => void;
  details: Details;
  onDetails: (details: Details) => void;
}

/** Where files are picked, described and followed on their way. */
export function UploadPanel({ opened, onClose, details, onDetails }: Props) {
  const { uploads, add, begin, clear, describe } = useUploads();
  const modalities = useModalities();
  const chosen = modalities.filter(({ name }) => details.modality === "" || details.modality === name);
  const kinds = kindsOf(chosen, useMostBytes());
  const set = (values: Partial<Details>) => onDetails({ ...details, ...values });
  const asking = uploads.filter(isAsking);
  const refused = uploads.filter((upload) => upload.state === "refused").length - asking.length;
  const done = uploads.filter((upload) => upload.state === "done").length + refused;
  const open = uploads.filter((upload) => upload.state === "open");
  const first = open[0];
  const asks = hidesFields(uploads);
  const clearable = uploads.some((upload) => isOver(upload)) || refused + asking.length > 0;
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
        {!asks && <DetailFields details={details} onChange={set} />}
        <Dropzone
          onDrop={(files) => add(files, details, true)}
          // For the choice of files alone: what is dropped may have no ending, as DICOM files often do.
          inputProps={{
            "aria-label": texts.upload.pick,
            accept: kinds.accept,
          }}
        >
          <Stack align="center" gap={4} py={asks ? 0 : "lg"}>
            {!asks && <IconPhotoPlus size={36} aria-hidden />}
            <Text fw={600} ta="center">
              {texts.upload.pick}
            </Text>
            {!asks && (
              <Text size="sm" c="dimmed" ta="center">
                {kinds.words}
              </Text>
            )}
          </Stack>
        </Dropzone>
        {first && (
          <>
            <Text size="sm">{texts.upload.check}</Text>
            <Group>
              <Button onClick={begin}>{texts.upload.begin(open.length)}</Button>
              {open.length > 1 && (
                <Button variant="default" onClick={() => describe(keysOf(open), identityOf(first))}>
                  {texts.upload.sameForAll}
                </Button>
              )}
            </Group>
          </>
        )}
        {uploads.length > 0 && (
          <>
            <Group justify="space-between">
              <Text fw={600} aria-live="polite">
                {texts.upload.progress(done, uploads.length, refused, asking.length)}
              </Text>
              <Button size="compact-sm" variant="subtle" onClick={clear} disabled={!clearable}>
                {texts.upload.clear}
              </Button>
            </Group>
            <Stack component="ul" gap="xs" m={0} p={0} aria-label={texts.upload.files}>
              {inOrder(uploads).map((upload) => (
                <UploadLine key={upload.key} upload={upload} onFollow={onClose} />
              ))}
            </Stack>
          </>
        )}
      </Stack>
    </Drawer>
  );
}

function keysOf(uploads: Upload[]): number[] {
  return uploads.map((upload) => upload.key);
}

/** Patient, eye and day of a scan, without what is its own, such as a note. */
function identityOf({ details }: Upload): Partial<Details> {
  const { patient_ref, eye, acquired } = details;
  return { patient_ref, eye, acquired };
}
