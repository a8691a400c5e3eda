import { Button, Center, Stack, Text, Title } from "@mantine/core";
import { IconPhotoScan, IconSearchOff } from "@tabler/icons-react";

import { texts } from "../texts";
import { useUploads } from "../upload/useUploads";
import type { Filters } from "./filters";

/** What to do where the list is empty. */
export function Empty({ filters, mayUpload }: { filters: Filters; mayUpload: boolean }) {
  const { open } = useUploads();
  const [Icon, title, help] = filters.narrowed
    ? [IconSearchOff, texts.worklist.nothingTitle, texts.worklist.nothingHelp]
    : [
        IconPhotoScan,
        texts.worklist.emptyTitle,
        mayUpload ? texts.worklist.emptyHelp : texts.worklist.emptyResearcher,
      ];
  return (
    <Center mih={320} data-testid="empty">
      <Stack align="center" gap="xs" maw={440} ta="center">
        <Icon size={56} stroke={1.2} aria-hidden />
        <Title order={2} size="h4">
          {title}
        </Title>
        <Text>{help}</Text>
        {filters.narrowed && (
          <Button variant="default" onClick={filters.clear}>
            {texts.worklist.clear}
          </Button>
        )}
        {!filters.narrowed && mayUpload && <Button onClick={open}>{texts.upload.open}</Button>}
      </Stack>
    </Center>
  );
}
