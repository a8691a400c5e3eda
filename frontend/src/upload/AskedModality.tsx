import { Button, Group } from "@mantine/core";

import { useModalities } from "../api/options";
import { texts } from "../texts";
import { ModalitySelect } from "./ModalitySelect";
import { ofModality, type Upload } from "./uploads";
import { useUploads } from "./useUploads";

/** Asks for the modality of a file of which the server can't tell it, and sends the file again as one of it. */
export function AskedModality({ upload, file }: { upload: Upload; file: string }) {
  const { describe, retry } = useUploads();
  const modalities = useModalities();
  return (
    <Group gap="xs" mt="xs" align="flex-end">
      <ModalitySelect
        size="xs"
        flex={1}
        aria-label={texts.upload.of(texts.upload.modality, file)}
        placeholder={texts.upload.modalityAsked}
        value={upload.details.modality}
        onChange={(name) => describe([upload.key], ofModality(name, modalities))}
      />
      <Button size="xs" disabled={upload.details.modality === ""} onClick={() => retry(upload.key)}>
        {texts.upload.sendAgain}
      </Button>
    </Group>
  );
}
