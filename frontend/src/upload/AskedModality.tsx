import { Button, Group } from "@mantine/core";

import { useModalities } from "../api/options";
import { texts } from "../texts";
import { ModalitySelect } from "./ModalitySelect";
import { choicesOf, ofModality, type Upload } from "./uploads";
import { useUploads } from "./useUploads";

/** Asks for the modality of a file of which the server can't tell it, and sends the file again as one of it. */
export function AskedModality({ upload, file }: { upload: Upload; file: string }) {
  const { describe, retry } = useUploads();
  const modalities = useModalities();
  const choices = choicesOf(upload, modalities);
  const [only, ...others] = choices;
  const chosen = others.length === 0 ? (only?.name ?? "") : upload.details.modality;
  if (!only) return null;
  const choose = (name: string) => describe([upload.key], ofModality(name, modalities));
  const send = () => {
    choose(chosen);
    retry(upload.key);
  };
  return (
    <Group gap="xs" mt="xs" align="flex-end">
      <ModalitySelect
        size="xs"
        flex={1}
        aria-label={texts.upload.of(texts.upload.modality, file)}
        placeholder={texts.upload.modalityAsked}
        choices={choices}
        clearable={others.length > 0}
        value={chosen}
        onChange={choose}
      />
      <Button size="xs" disabled={chosen === ""} onClick={send}>
        {texts.upload.sendAgain}
      </Button>
    </Group>
  );
}
